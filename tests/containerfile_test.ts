/** What can be said of `.github/Containerfile` without building it, which takes minutes and a registry. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("..", import.meta.url);
const FILE = await Deno.readTextFile(new URL(".github/Containerfile", ROOT));
const STEPS = FILE.replaceAll("\\\n", " ").split("\n").filter((line) => /^[A-Z]+ /.test(line));

function stepsOf(instruction: string): readonly string[] {
  return STEPS.filter((step) => step.startsWith(`${instruction} `))
    .map((step) => step.slice(instruction.length + 1));
}

Deno.test("the image copies what is there", async () => {
  let sources = 0;
  for (const step of stepsOf("COPY")) {
    if (step.startsWith("--from=")) continue;
    for (const source of step.split(/\s+/).slice(0, -1)) {
      const { isFile, isDirectory } = await Deno.stat(new URL(source, ROOT));
      assert(isFile || isDirectory, source);
      sources++;
    }
  }
  assert(sources > 5, `${sources}`);
  assertEquals(stepsOf("ADD"), []);
});

Deno.test("the image has the Deno that the tests run on", async () => {
  const [, version] = /npx -y (deno@[\d.]+) /.exec(
    await Deno.readTextFile(new URL(".ci/run", ROOT)),
  )!;
  assertEquals([...FILE.matchAll(/deno@[\d.]+/g)].map(([one]) => one), [version]);
});

Deno.test("the image runs as nobody, by one word, with its caches where pods may write", () => {
  assertEquals(stepsOf("USER"), ["65532:65532"]);
  assertEquals(stepsOf("ENTRYPOINT"), ['["tokometer"]']);
  assert(
    stepsOf("ENV").some((step) => step.includes("DENO_DIR=/tmp/") && /HOME=\/tmp\b/.test(step)),
  );
});
