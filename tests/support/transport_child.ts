/**
 * Sends requests from a process of its own, whose environment and limits a test can choose.
 *
 * @module
 */
import { systemClock } from "../../backends/clock.ts";
import type { ExchangeEnd } from "../../backends/transport.ts";
import { openTransport } from "../../backends/transports.ts";

/** Sent to the child. */
interface Orders {
  readonly transport: string;
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  readonly proxyLocal?: boolean;
}

/** Its answer. */
interface Result {
  readonly ends: readonly (ExchangeEnd & { readonly message?: string })[];
  readonly bodies: readonly string[];
  /** `NO_PROXY` afterwards; null when it is not set. */
  readonly noProxy: string | null;
}

/** Runs the child; throws with its stderr when it fails. */
export async function runChild(
  orders: Orders,
  { env = {}, descriptors = 1000, permissions = ["-A"] }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly descriptors?: number;
    readonly permissions?: readonly string[];
  } = {},
): Promise<Result> {
  const script = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      script,
      Deno.execPath(),
      "run",
      "--no-prompt",
      ...permissions,
      import.meta.filename!,
      JSON.stringify(orders),
    ],
    clearEnv: true,
    env: { ...withoutProxies(Deno.env.toObject()), ...env, NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`the child failed: ${decoder.decode(stderr)}`);
  return JSON.parse(decoder.decode(stdout));
}

function withoutProxies(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/_proxy$/i.test(name)));
}

if (import.meta.main) {
  // Deno opens a descriptor for signals when it first needs one, and panics when there is none.
  Deno.addSignalListener("SIGINT", ignore);
  Deno.removeSignalListener("SIGINT", ignore);
  const { transport: name, urls, timeoutMs, proxyLocal = false }: Orders = JSON.parse(
    Deno.args[0]!,
  );
  const transport = await openTransport(name, { clock: systemClock, proxyLocal });
  const exchanges = await Promise.all(
    urls.map((url) => transport.send({ method: "GET", url, headers: {} }, { timeoutMs })),
  );
  await transport.close();
  const readable = Deno.permissions.querySync({ name: "env", variable: "NO_PROXY" }).state;
  const result: Result = {
    ends: exchanges.map(({ end }) => end),
    bodies: exchanges.map(({ body }) => new TextDecoder().decode(body)),
    noProxy: readable === "granted" ? Deno.env.get("NO_PROXY") ?? null : null,
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
}

function ignore(): void {}
