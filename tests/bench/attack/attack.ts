/**
 * Attacks `bench` with hostile servers and prints, for each attack and transport, what it cost and
 * how long it went on, as Markdown.
 *
 *     deno task bench:attack [--only WORDS] [--transport NAME] [--timeout 3]
 *
 * Each attack meets two runs of two users. In one of them every user sends one request: it must be
 * over soon after the deadline (`--timeout`). The other would go on for ten minutes and gets a Ctrl-C
 * after a while; it must be over soon after its grace of one second. Linux only.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { attack, type Attacker } from "./hostile_wire.ts";
import { GRPC_ATTACKS, serveGrpc } from "./hostile_grpc.ts";
import { HTTP_ATTACKS, serveHttp } from "./hostile_http.ts";
import { type Attacked, runAttacked } from "./run_attacked.ts";
import { table } from "../client_report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    transport: { type: "string", default: "" },
    timeout: { type: "string", default: "3" },
  },
});
const timeoutSec = Number(values.timeout);

/** What is attacked: an attack, and what it needs of the command line. */
interface Target {
  readonly name: string;
  readonly transports: readonly string[];
  readonly options: readonly string[];
  readonly start: (onAttack: () => void) => Attacker;
}

const TARGETS: readonly Target[] = [
  ...HTTP_ATTACKS.map((one): Target => ({
    name: one.name,
    transports: ["fetch", "socket", "epoll"],
    options: [
      ...["--protocol", "openai-completions"],
      ...(one.name.startsWith("models") ? [] : ["--model", "m"]),
      // More than the kernel takes of a request that nobody reads.
      ...(one.deaf
        ? ["--dataset", "synthetic", "--input-tokens", "1000000", "--prompts", "2"]
        : []),
    ],
    start: (onAttack) => attack((wire) => serveHttp(one, wire, onAttack)),
  })),
  ...GRPC_ATTACKS.map((one): Target => ({
    name: one.name,
    transports: ["grpc", "grpc-socket"],
    options: ["--protocol", "ppl"],
    start: (onAttack) => attack((wire) => serveGrpc(one, wire, onAttack)),
  })),
];

const isName = TARGETS.some(({ name }) => name === values.only);
const rows: string[][] = [];
for (const { name, transports, options, start } of TARGETS) {
  // A whole name, or a part of several.
  if (isName ? name !== values.only : !name.includes(values.only)) continue;
  for (const transport of transports) {
    if (values.transport !== "" && transport !== values.transport) continue;
    const over = (interrupt: boolean) =>
      runAttacked(start, { transport, options, timeoutSec, interrupt });
    const atDeadline = await over(false);
    const afterCtrlC = await over(true);
    rows.push([
      name,
      transport,
      Math.max(atDeadline.peakMiB, afterCtrlC.peakMiB).toFixed(0),
      shown(atDeadline),
      afterCtrlC.signaled ? shown(afterCtrlC) : "over before",
      atDeadline.said,
    ]);
    await write(Deno.stderr, rows.at(-1)!.join(" | "));
  }
}
await write(
  Deno.stdout,
  table(
    [
      "what the server sends",
      "transport",
      "peak memory, MiB",
      `over after, s (deadline ${timeoutSec} s)`,
      "over after Ctrl-C, s (grace 1 s)",
      "what the report says",
    ],
    rows,
  ).join("\n"),
);

function write(to: typeof Deno.stdout, line: string): Promise<number> {
  return to.write(new TextEncoder().encode(`${line}\n`));
}

/** How long it went on, in seconds. */
function shown({ overSec }: Attacked): string {
  return overSec === undefined ? "hangs" : overSec.toFixed(1);
}
