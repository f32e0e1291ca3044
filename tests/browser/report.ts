/** The page of a report in a real browser: on wide and narrow screens, light, dark and on paper. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { reportHtml } from "../../metrics/report_html.ts";
import type { Run } from "../../metrics/run.ts";
import { summarize } from "../../metrics/summary.ts";
import { parseSlo } from "../../metrics/summary_slo.ts";
import {
  axe,
  type Browser,
  openBrowser,
  type Page,
  scrollsSideways,
  until,
} from "../support/browser.ts";
import { createFailure, createRecord } from "../support/create_record.ts";
import { createRun, type RunFields } from "../support/create_run.ts";

/** Closed loops of 1, 2, 4 … users; of load i a share of 0.04 i fails. */
function runOf(loads: number, count: number, header: RunFields["header"] = {}): Run {
  const users = (load: number) => 2 ** (load % 11);
  const records = Array.from({ length: loads * count }, (_, i) => {
    const [load, index] = [Math.floor(i / count), i % count];
    const sentMs = Math.floor(index / users(load)) * 300;
    const fields = { load, index, user: index % users(load), sentMs };
    if ((index * 7) % 100 < 4 * load) {
      return createFailure("http_error", { ...fields, message: `503: queue <b>${index % 3}</b>` });
    }
    const ticks = Array.from(
      { length: 20 },
      (_, k) => [sentMs + 20 + index % 30 + k * (8 + load + index % 3), k + 1] as const,
    );
    return createRecord({ ...fields, ticks, endMs: ticks.at(-1)![0] });
  });
  return createRun(records, {
    loads: Array.from(
      { length: loads },
      (_, i) => ({ label: `${users(i)} users`, users: users(i) }),
    ),
    header,
  });
}

const LONG_NAMES = {
  model: `مستخدم/${"very-long-name-without-a-break_".repeat(6)}<script>alert(1)</script>`,
  url: `http://${"gateway.".repeat(12)}example.com:8000/${"path/".repeat(30)}`,
};

const RUNS: Readonly<Record<string, Run>> = {
  "one load": runOf(1, 120),
  "three loads with failures": runOf(3, 60),
  "eight loads": runOf(8, 60),
  "nothing but failures": runOf(1, 0),
  "long names": runOf(2, 40, LONG_NAMES),
};

function pageOf(run: Run): string {
  return reportHtml.render(summarize(run, { slo: parseSlo("ttft:40,tpot:50") }));
}

async function inBrowser(work: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await openBrowser();
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}

/** Opens a page from a file, as a reader does. */
async function withPage(html: string, work: (url: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(file, html);
    await work(`file://${file}`);
  } finally {
    await Deno.remove(file);
  }
}

function check(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

/** Every run in every view takes a minute: `deno task bench:browser`. */
const ALL = Deno.args.includes("--all");
const QUICK = ["three loads with failures"];

for (const [name, run] of Object.entries(RUNS)) {
  if (!ALL && !QUICK.includes(name)) continue;
  check(
    `the report of ${name} fits every screen and has no barrier`,
    () =>
      inBrowser((browser) =>
        withPage(pageOf(run), async (url) => {
          for (const dark of [false, true]) {
            const { page, errors } = await browser.newPage({ dark });
            await page.goto(url);
            await page.evaluate(openAll);
            for (const width of [1280, 320, 390]) {
              await page.setViewportSize({ width, height: 900 });
              assertEquals(await scrollsSideways(page), false, `${name} at ${width}`);
              const look = ALL ? width !== 320 : width === (dark ? 390 : 1280);
              if (look) assertEquals(await axe(page), [], `${name} at ${width}, dark: ${dark}`);
            }
            assertEquals(errors, []);
            await page.close();
          }
        })
      ),
  );
}

/** Opens all that is folded, in the page. */
function openAll(): void {
  // deno-lint-ignore no-explicit-any
  for (const one of (globalThis as any).document.querySelectorAll("details")) one.open = true;
}

check(
  "requests can be sorted, searched and told from each other",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(3, 120)), async (url) => {
        const { page, errors } = await browser.newPage();
        await page.goto(url);
        const box = "#load-3 .requests";
        await page.click(`${box} > summary`);
        await until(page, `document.querySelector("${box} input") !== null`);
        assertEquals((await rowsOf(page, box)).length, 50);
        assertEquals(await page.textContent(`${box} [role=status]`), "50 of 120 shown");
        // The slowest first; then by number, upwards and downwards.
        await page.click(`${box} thead button`);
        assertEquals((await rowsOf(page, box)).slice(0, 3).map(([number]) => number), [
          "0",
          "1",
          "2",
        ]);
        await page.click(`${box} thead button`);
        assertEquals((await rowsOf(page, box))[0]![0], "119");
        await page.focus(`${box} input[type=search]`);
        for (const key of "queue <b>2") await page.keyboard.press(key === " " ? "Space" : key);
        const found = await rowsOf(page, box);
        assert(
          found.length > 0 &&
            found.every((row) => row.at(-1) === "http_error: 503: queue <b>2</b>"),
        );
        assertEquals(errors, []);
      })
    ),
);

/** Texts of the cells of a table's rows. */
async function rowsOf(page: Page, box: string): Promise<readonly (readonly string[])[]> {
  return await page.evaluate(
    `[...document.querySelectorAll("${box} tbody tr")].map((row) =>
       [...row.cells].map((cell) => cell.textContent))`,
  );
}

check("the table in the page says what the summary does", () =>
  inBrowser((browser) => {
    const run = runOf(1, 30);
    return withPage(pageOf(run), async (url) => {
      const { page } = await browser.newPage();
      await page.goto(url);
      const box = "#load-1 .requests";
      await page.click(`${box} > summary`);
      await until(page, `document.querySelector("${box} input") !== null`);
      await page.click(`${box} thead button`);
      const { rows } = summarize(run).loads[0]!.requests(100);
      const number = (text: string) => Number(text.replaceAll(",", ""));
      const shown = (await rowsOf(page, box)).map((row) => row.slice(0, 6).map(number));
      for (const [i, { index, user, sentMs, ttftMs, tpotMs, e2eMs }] of rows.entries()) {
        const [atIndex, atUser, sentS, ttft, tpot, e2e] = shown[i]!;
        assertEquals([atIndex, atUser], [index, user]);
        assertLess(Math.abs(sentS! - sentMs! / 1000), 0.001);
        assertLess(Math.abs(ttft! - ttftMs!), 0.051);
        assertLess(Math.abs(tpot! - tpotMs!), 0.051);
        assertLess(Math.abs(e2e! - e2eMs!), 0.51);
      }
    });
  }));

check(
  "a reader can go by keys: past the contents, to a load, along a chart",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(8, 60)), async (url) => {
        const { page } = await browser.newPage();
        await page.goto(url);
        await page.keyboard.press("Tab");
        assertEquals(await page.evaluate("document.activeElement.className"), "skip");
        await page.keyboard.press("Enter");
        assertEquals(await page.evaluate("document.activeElement.id"), "main");
        // A link to a folded load opens it.
        await page.goto(`${url}#load-5`);
        await until(page, "document.querySelector('#load-5').open");
        await page.focus("#load-5 svg[data-tips]");
        await page.keyboard.press("ArrowRight");
        assert(await page.textContent(".tip"));
      })
    ),
);

check(
  "colors follow the system and then the reader",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(1, 20)), async (url) => {
        const { page } = await browser.newPage({ dark: true });
        await page.goto(url);
        const ground = () =>
          page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
        const dark = await ground();
        await page.click("text=Colors: auto");
        const light = await ground();
        assertEquals(light, "rgb(255, 255, 255)");
        await page.click("text=Colors: light");
        assertEquals(await ground(), dark);
        // Paper is light whatever was chosen.
        await page.emulateMedia({ media: "print" });
        assertEquals(await ground(), light);
      })
    ),
);

check(
  "eight loads take a few sheets of paper, with every load on them",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(8, 60)), async (url) => {
        const { page } = await browser.newPage();
        await page.goto(url);
        const pdf = new TextDecoder("latin1").decode(await page.pdf({ format: "A4" }));
        const sheets = pdf.match(/\/Type\s*\/Page\b/g)!.length;
        assert(sheets >= 4 && sheets <= 10, `${sheets} sheets`);
        await page.emulateMedia({ media: "print" });
        const seen = await page.evaluate<number>(
          `[...document.querySelectorAll(".load .distributions")]
           .filter((one) => one.checkVisibility() && one.offsetHeight > 0).length`,
        );
        assertEquals(seen, 8);
      })
    ),
);

check(
  "without script the page still tells the slowest requests",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(1, 30)).replaceAll(/<script>[^]*?<\/script>/g, ""), async (url) => {
        const { page } = await browser.newPage();
        await page.goto(url);
        await page.click("#load-1 .requests > summary");
        assertEquals((await rowsOf(page, "#load-1 .requests")).length, 10);
      })
    ),
);

check(
  "distributions show one metric or all, and only the loads that are chosen; paper shows all",
  () =>
    inBrowser((browser) =>
      withPage(pageOf(runOf(3, 60)), async (url) => {
        const { page, errors } = await browser.newPage();
        await page.goto(url);
        const shown = (selector: string) =>
          page.evaluate<number>(
            `[...document.querySelectorAll(${
              JSON.stringify(selector)
            })].filter((one) => one.getClientRects().length > 0).length`,
          );
        assertEquals(await shown(".cdfs figure"), 1);
        assertEquals(await shown(".cdfs figure path.of1"), 1);
        await page.click(".cdfs .metric-all");
        assertEquals([await shown(".cdfs figure"), await shown("path.of1")], [4, 4]);
        await page.click(".cdfs .pick1");
        assertEquals([await shown("path.of0"), await shown("path.of1")], [4, 0]);
        await page.click(".cdfs .metric-2");
        assertEquals(await shown(".cdfs figure"), 1);
        await page.emulateMedia({ media: "print" });
        assertEquals([await shown(".cdfs figure"), await shown("path.of1")], [4, 4]);
        assertEquals(errors, []);
        await page.close();
      })
    ),
);
