/**
 * What tests of fleets need: a real NATS server, and its client without an entry in the lock file.
 *
 * @module
 */
import { NATS_HELD } from "../../workloads/fleet_nats_library.ts";
import {
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "../../workloads/fleet_server.ts";
import { bundleNats } from "../tools/bundle.ts";

/** For `ignore` of tests; their names then say why. */
export const WITHOUT_NATS: boolean = !isInstalled();

function isInstalled(): boolean {
  return ["nats-server", "/usr/sbin/nats-server"].some((program) => {
    try {
      const args = ["--version"];
      return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync()
        .success;
    } catch {
      return false;
    }
  });
}

/** `name`, and that it is skipped where there is no server. */
export function natsTest(
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
): void {
  Deno.test({
    name: WITHOUT_NATS ? `${name} (skipped: nats-server is not installed)` : name,
    ignore: WITHOUT_NATS,
    fn,
  });
}

let held: Promise<void> | undefined;

/**
 * Has this process load the client as an executable does, from a bundle: an import from the checkout
 * would be written into `deno.lock`. Call it before the first `connectBus`.
 */
export function holdNats(): Promise<void> {
  return held ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const path = `${folder}/held.mjs`;
    await Deno.writeTextFile(path, `export default ${await bundleNats(folder)};\n`);
    Object.assign(globalThis, { [NATS_HELD]: (await import(`file://${path}`)).default });
  })();
}

/** Starts a server, lends it, and ends it. */
export async function withNats(
  use: (server: NatsServer) => Promise<void>,
  options: NatsServerOptions = {},
): Promise<void> {
  await holdNats();
  const server = await startNatsServer(options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}
