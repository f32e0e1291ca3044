/** The page of `--live` in a real browser, while a run goes on. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { startSimServer } from "../../backends/sim_server.ts";
import { formatCount, formatNumber } from "../../metrics/format.ts";
import type { Summary } from "../../metrics/summary.ts";
import {
  axe,
  type Browser,
  openBrowser,
  type Page,
  screenshot,
  scrollsSideways,
  serious,
  until,
} from "../support/browser.ts";
import { inTempFolder } from "../support/run_cli.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
/** A name that points to this machine, as an attacker's does. */
const FOREIGN = "evil.example";
/** `SHOTS=DIR` keeps pictures there. */
const SHOTS = Deno.env.get("SHOTS");

interface LiveBench extends AsyncDisposable {
  readonly url: string;
  readonly child: Deno.ChildProcess;
  /** Exit code and what was printed. */
  readonly ran: Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
}

/** Starts `bench` as a program of its own, as users do. */
async function startBench(argv: readonly string[]): Promise<LiveBench> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", CLI, "bench", ...argv, "--live=0", "--output-tokens=16"],
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
  const out = new Response(child.stdout).text();
  const url = Promise.withResolvers<string>();
  const read = async () => {
    let err = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      err += text;
      const found = /^Live: (\S+)$/m.exec(err)?.[1];
      if (found !== undefined) url.resolve(found);
    }
    url.reject(new Error(`It printed no address: ${err}`));
    return err;
  };
  const err = read();
  const ran = (async () => ({
    ...{ code: (await child.status).code, out: await out, err: await err },
  }))();
  return {
    ...{ url: await url.promise, child, ran },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await ran;
    },
  };
}

/** The number that a card of the page shows. */
async function figure(page: Page, title: string): Promise<number> {
  const text = await page.evaluate<string>(
    `[...document.querySelectorAll(".card")].find((card) =>
      card.querySelector("dt").textContent === ${JSON.stringify(title)}
    )?.querySelector("strong").textContent ?? ""`,
  );
  return Number(text.replaceAll(",", ""));
}

/** Requests of the load that have ended. */
async function ended(page: Page): Promise<number> {
  const text = await page.textContent("#bars") ?? "";
  return Number(/([\d,]+)(?: of [\d,]+)? ended/.exec(text)?.[1]?.replaceAll(",", "") ?? 0);
}

function browse(name: string, use: (browser: Browser, url: string) => Promise<void>): void {
  // The driver keeps what it started a little longer than a test.
  Deno.test({
    ...{ name, sanitizeOps: false, sanitizeResources: false },
    async fn() {
      const server = await startSimServer({ ttft: "30", itl: "5" });
      const browser = await openBrowser([`--host-resolver-rules=MAP ${FOREIGN} 127.0.0.1`]);
      try {
        await use(browser, server.url);
      } finally {
        await browser.close();
        await server.stop();
      }
    },
  });
}

browse("figures move and agree with the report; nobody is shut out", async (browser, server) => {
  await inTempFolder(async (folder) => {
    await using bench = await startBench([
      ...[server, "--concurrency=2,8", "--duration=4", "--format=json", `--out=${folder}/out`],
    ]);
    const { page, errors } = await browser.newPage();
    await page.goto(bench.url);
    await until(page, `document.querySelectorAll(".chart svg").length > 1`);
    assertMatch(page.url(), /^http:\/\/127\.0\.0\.1:\d+\/$/, "no token in the address");
    assert(await figure(page, "In flight") > 0);
    const before = await ended(page);
    await until(
      page,
      `document.querySelector("#bars").textContent !== ${
        JSON.stringify(await page.textContent("#bars"))
      }`,
    );
    await until(page, `!/\\b${before} ended/.test(document.querySelector("#bars").textContent)`);
    assertNotEquals(await figure(page, "Output tokens/s"), 0);
    assertMatch(await page.textContent("#said") ?? "", /^Load [12] of 2, [28] users: /);

    // By keys alone: the question has the focus, and no is an answer.
    await page.focus("#stop");
    await page.keyboard.press("Enter");
    assertEquals(await page.evaluate("document.activeElement.id"), "sure");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assertEquals(await page.evaluate("document.activeElement.id"), "stop");

    for (const [width, dark] of [[1280, false], [390, true]] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
      assertEquals(serious(await axe(page)), [], `${width}, dark ${dark}`);
      assertEquals(await scrollsSideways(page), false, `${width}`);
      if (SHOTS) await screenshot(page, `${SHOTS}/live-${width}-${dark}.png`, { width, dark });
    }
    await until(page, `document.querySelector("#over").textContent !== ""`);
    const { code, out, err } = await bench.ran;
    assertEquals(code, 0, err);
    assertMatch(
      await page.textContent("#over") ?? "",
      /The run is over.*Exit code 0.*report\.html/s,
    );
    const rows = await page.evaluate<string[][]>(
      `[...document.querySelectorAll("#ended tbody tr")].map((row) =>
        [...row.cells].slice(0, 4).map((cell) => cell.textContent))`,
    );
    const { loads } = JSON.parse(out) as Pick<Summary, "loads">;
    const reported = loads.map(({ label, counts, throughput }) => [
      ...[label, formatCount(counts.completed), formatCount(counts.failed)],
      formatNumber(throughput.run.outputTokensPerSec),
    ]);
    assertEquals(rows, reported);
    assertEquals(serious(await axe(page)), []);
    if (SHOTS) await screenshot(page, `${SHOTS}/live-over.png`);
    assertEquals(errors, [], "nothing was thrown, refused by the policy, or not found");
  });
});

browse("stop is Ctrl-C, strangers are refused, a lost run is told", async (browser, server) => {
  await inTempFolder(async (folder) => {
    const argv = [server, "--concurrency=2", "--duration=60"];
    await using bench = await startBench([...argv, `--out=${folder}/out`]);
    const { origin, port, searchParams } = new URL(bench.url);
    const token = searchParams.get("token")!;
    const status = async () => await (await fetch(`${origin}/status`)).json();

    const stranger = (await browser.newPage()).page;
    for (const wrong of ["", "?token=", `?token=${token}x`]) {
      assertEquals((await stranger.goto(`${origin}/${wrong}`))?.status(), 401, wrong);
      assertMatch(await stranger.textContent("h1") ?? "", /needs a token/);
    }
    const foreign = await stranger.goto(`http://${FOREIGN}:${port}/?token=${token}`);
    assertEquals(foreign?.status(), 421);
    // Another site that even knows the token.
    await stranger.goto(`${server}/v1/models`);
    await stranger.evaluate(
      `fetch("${origin}/stop?token=${token}", { method: "POST", mode: "no-cors" }).catch(() => {})`,
    );
    assertEquals((await status()).stopping, "no");

    const { page, errors } = await browser.newPage();
    await page.goto(bench.url);
    await until(page, `/ ended/.test(document.querySelector("#bars").textContent)`);
    await page.reload();
    await until(page, `/ ended/.test(document.querySelector("#bars").textContent)`);
    assertEquals(new URL(page.url()).search, "", "after a reload, too");
    await page.click("#stop");
    assertEquals((await status()).stopping, "no", "it asks first");
    await page.click("#sure");
    await until(page, `document.querySelector("#over").textContent !== ""`);
    const { code, err } = await bench.ran;
    assertEquals(code, 130, err);
    assertMatch(await page.textContent("#over") ?? "", /Exit code 130/);
    assert((await Deno.stat(`${folder}/out/report.html`)).isFile);
    // The browser itself logs the answer to a reload without the token.
    assertEquals(errors.filter((text) => !/status of 401/.test(text)), []);

    await using killed = await startBench([...argv, "--no-save"]);
    await page.goto(killed.url);
    await until(page, `/ ended/.test(document.querySelector("#bars").textContent)`);
    killed.child.kill("SIGKILL");
    await until(page, `/connection was lost/.test(document.querySelector("#lost").textContent)`);
  });
});
