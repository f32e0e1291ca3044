import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { type Bundle, BUNDLE_NAME, bundleProgram } from "./tools/bundle.ts";
import { compileBundle, PERMISSION_FLAGS, PERMISSIONS } from "./tools/compile.ts";
import { PAYLOAD_LIMIT_BYTES, payloadBytes } from "./tools/payload_check.ts";
import { ALONE, canBeAlone } from "./support/own_network.ts";
import { WITHOUT_NATS } from "./support/nats.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { writeSelfExtracting } from "./tools/self_extracting.ts";
import { workerEntries } from "./support/worker_entries.ts";

const ROOT = new URL("..", import.meta.url);
const LINUX = Deno.build.os === "linux";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in a folder, with nothing in its environment but this. */
async function runIn(
  cwd: string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd,
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

let bundled: Promise<Bundle> | undefined;

/** The bundle, made once for all tests of this file. */
function bundle(): Promise<Bundle> {
  return bundled ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    return await bundleProgram(folder);
  })();
}

Deno.test({
  name: "bundleProgram names neither this machine's folders nor what runs models",
  // Releases are made on Linux; there, paths to the cache look different.
  ignore: Deno.build.os === "windows",
  fn: bundleIsClean,
});

async function bundleIsClean(): Promise<void> {
  const { path, packages } = await bundle();
  const source = await Deno.readTextFile(path);
  for (const held of ["@grpc/grpc-js/", "@nats-io/transport-node/", "@nats-io/jetstream/"]) {
    assert(packages.some((name) => name.startsWith(held)), packages.join());
  }
  assertEquals(packages.filter((name) => /transformers|onnx|sharp/.test(name)), []);
  for (const name of packages) assertMatch(source, new RegExp(`^== .*${name}`, "m"));
  assertStringIncludes(source, "Apache License");
  assert(!source.includes("== See the package"));
  assert(!source.includes(ROOT.pathname), "our folder");
  assert(!source.includes("/.cache/"), "Deno's cache");
}

Deno.test("bundleProgram holds every worker but the one that runs models", async () => {
  const source = await Deno.readTextFile((await bundle()).path);
  for await (const entry of workerEntries()) {
    const held = source.includes(`\n// ${entry}\n`);
    assertEquals(held, entry !== "backends/transformers_worker.ts", entry);
  }
});

Deno.test({
  name: "payloadBytes is what the executable carries, below the limit",
  ignore: !LINUX,
  fn: async () => {
    const made = await bundle();
    const bytes = await payloadBytes(made);
    assertGreater(bytes, (await Deno.stat(made.path)).size);
    assertLess(bytes, PAYLOAD_LIMIT_BYTES);
  },
});

Deno.test("compileBundle says why there is no base binary", async () => {
  const made = await bundle();
  await inTempFolder(async (folder) => {
    const compiled = await compileBundle(made.path, {
      target: Deno.build.target,
      out: `${folder}/program`,
      base: `${folder}/nowhere`,
    });
    assertEquals(compiled, {
      kind: "no base",
      reason: `Could not find denort at '${folder}/nowhere'`,
    });
  });
});

Deno.test("PERMISSIONS are what the code uses and docs/operating.md says", async () => {
  const code: string[] = [];
  for (const folder of ["backends", "workloads"]) {
    for (const { name } of Deno.readDirSync(new URL(folder, ROOT))) {
      code.push(await Deno.readTextFile(new URL(`${folder}/${name}`, ROOT)));
    }
  }
  assertEquals(
    PERMISSION_FLAGS.includes("--allow-ffi"),
    code.some((source) => /\bDeno\.dlopen\(/.test(source)),
    "--allow-ffi is for Deno.dlopen",
  );
  assert(!PERMISSION_FLAGS.some((flag) => /-all$|^-A$/.test(flag)));
  const page = await Deno.readTextFile(new URL("docs/operating.md", ROOT));
  for (const { flag, use } of PERMISSIONS) {
    assertMatch(page, new RegExp(`^\\| \`${flag}\` *\\| ${use} *\\|$`, "m"));
  }
});

/**
 * A stand-in for Deno that says what it was started with. The nap is long enough for several first
 * starts to have unpacked it before one of them is done.
 */
const FAKE_DENO = `#!/bin/sh
[ "$1" = --version ] && exec sleep 0.3
printf '%s\\n' "$DENO_DIR" "$@"
exit 7
`;

/** A self-extracting file with {@linkcode FAKE_DENO} in it, in a folder of its own. */
async function withFake(use: (folder: string, file: string) => Promise<void>): Promise<void> {
  await inTempFolder(async (folder) => {
    const parts = `${folder}/parts`;
    await Deno.mkdir(parts);
    await Deno.writeTextFile(`${parts}/deno`, FAKE_DENO);
    await Deno.writeTextFile(`${parts}/${BUNDLE_NAME}`, "");
    const file = `${folder}/toko meter`;
    await writeSelfExtracting(file, `${parts}/${BUNDLE_NAME}`, {
      permissions: ["--allow-net"],
      deno: `${parts}/deno`,
    });
    await use(folder, file);
  });
}

function entries(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

Deno.test({
  name: "self-extracting file unpacks once, passes its arguments and the exit code",
  ignore: !LINUX,
  fn: () =>
    withFake(async (folder, file) => {
      const start = () => runIn(folder, [file, "a b", "*", ""], { HOME: `${folder}/home` });
      // Several nodes of a cluster start at once on one home folder.
      const starts = await Promise.all([start(), start(), start(), start()]);
      const cache = `${folder}/home/.cache/tokometer`;
      const [key, ...others] = entries(cache);
      assertEquals(others, []);
      const deno = `${cache}/${key}/deno`;
      const unpacked = (await Deno.stat(deno)).mtime;
      for (const { code, out, err } of [...starts, await start()]) {
        assertEquals([code, err], [7, ""]);
        assertEquals(out.split("\n"), [
          `${cache}/${key}/cache`,
          ...["run", "--quiet", "--no-prompt", "--no-config", "--cached-only", "--allow-net"],
          `${cache}/${key}/${BUNDLE_NAME}`,
          ...["a b", "*", "", ""],
        ]);
      }
      assertEquals((await Deno.stat(deno)).mtime, unpacked);
      assertEquals(entries(cache), [key!]);
      assertEquals(entries(`${cache}/${key}`).toSorted(), ["deno", BUNDLE_NAME]);
    }),
});

Deno.test({
  name: "self-extracting file takes the first folder that can be used",
  ignore: !LINUX,
  fn: () =>
    withFake(async (folder, file) => {
      const cases: [Record<string, string>, string][] = [
        [{ TOKOMETER_CACHE: `${folder}/a b`, HOME: `${folder}/h` }, `${folder}/a b/`],
        [{ XDG_CACHE_HOME: `${folder}/x`, HOME: `${folder}/h` }, `${folder}/x/tokometer/`],
        [{ HOME: "/dev/null", TMPDIR: folder }, `${folder}/tokometer-${Deno.uid()}/`],
        [{ TMPDIR: folder }, `${folder}/tokometer-${Deno.uid()}/`],
      ];
      for (const [env, expected] of cases) {
        const { out, err } = await runIn(folder, [file], env);
        assertStringIncludes(out, expected, JSON.stringify(env));
        assertEquals(err, "");
      }
      const mode = (await Deno.stat(`${folder}/tokometer-${Deno.uid()}`)).mode! & 0o777;
      assertEquals(mode, 0o700);
    }),
});

Deno.test({
  name: "self-extracting file that was cut says what it takes, and leaves nothing",
  ignore: !LINUX,
  fn: () =>
    withFake(async (folder, file) => {
      await Deno.truncate(file, (await Deno.stat(file)).size - 20);
      const { code, out, err } = await runIn(folder, [file], {
        TOKOMETER_CACHE: `${folder}/cache`,
        TMPDIR: `${folder}/tmp`,
      });
      assertEquals([code, out], [2, ""]);
      assertMatch(err, /^error: Cannot unpack .*toko meter: .* TOKOMETER_CACHE\n$/);
      assertEquals(entries(`${folder}/cache`), []);
    }),
});

/** Ports can be any: the network is empty. */
const SESSION = `ip link set lo up
exec 2>&1
./tokometer --version
./tokometer demo --duration 0.3 --concurrency 2 --quiet --out results
./tokometer simulate --port 8000 --grpc-port 8001 --max-seconds 60 >server.txt &
server=$!
until grep -q http: server.txt; do sleep 0.05; done
./tokometer bench grpc://127.0.0.1:8001 --protocol ppl --workers 2 --requests 6 --concurrency 2 \
  --warmup 0 --output-tokens 4 --quiet --no-save
./tokometer profile-generation http://127.0.0.1:8000 -c 2 -pt 8 -ct 4 -tr 3 --quiet
if command -v nats-server >/dev/null; then
  ./tokometer agent --nats nats://127.0.0.1:4222 --fleet a --wait 60 --no-save --quiet &
  ./tokometer bench http://127.0.0.1:8000 --fleet a --agents 1 --nats embedded \\
    --nats-listen 127.0.0.1:4222 --requests 5 --concurrency 2 --warmup 0 --output-tokens 4 --quiet --no-save
  wait $!
fi
kill $server
wait
./tokometer calibrate --quick --concurrency 4 --output-tokens 8 --transport socket --no-save --quiet
ls results`;

Deno.test({
  name: canBeAlone()
    ? "self-extracting file runs demo, gRPC, workers, a fleet and calibrate in an empty folder without network or cache"
    : "self-extracting file runs without network (skipped: unshare or ip is not permitted here)",
  ignore: !LINUX || !canBeAlone(),
  fn: async () => {
    const { path } = await bundle();
    await inTempFolder(async (folder) => {
      await Deno.mkdir(`${folder}/empty`);
      // Settings of the folders above must not count.
      await Deno.writeTextFile(`${folder}/deno.json`, "{ not JSON");
      await Deno.writeTextFile(`${folder}/package.json`, '{"dependencies":{"nowhere":"9.9.9"}}');
      const permissions = PERMISSION_FLAGS;
      await writeSelfExtracting(`${folder}/empty/tokometer`, path, { permissions, level: 0 });
      const { code, out } = await runIn(`${folder}/empty`, [...ALONE, SESSION], {
        HOME: `${folder}/home`,
      });
      assertEquals(code, 0, out);
      assertMatch(out, /^tokometer \S+ \(Deno \S+, V8 \S+, single file, \S+\)$/m);
      assertStringIncludes(out, "6 of 6 completed");
      if (!WITHOUT_NATS) assertStringIncludes(out, "5 of 5 completed");
      assertStringIncludes(out, "CSV: profile_generation.csv");
      assertMatch(out, /^socket +4 .* (µs|ms)/m);
      assertStringIncludes(out, "records.jsonl\nreport.csv\nreport.html\nreport.json\n");
      assert(!/bug in Tokometer|Download/.test(out), out);
      assertEquals(entries(`${folder}/empty`).toSorted(), [
        ...["profile_generation.csv", "profile_generation_script.csv"],
        ...["results", "server.txt", "tokometer"],
      ]);
    });
  },
});
