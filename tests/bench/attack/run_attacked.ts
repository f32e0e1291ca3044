/**
 * Runs `bench` against an attacker and measures the process.
 *
 * @module
 */
import { type Attacker, LOAD_TOKENS } from "./hostile_wire.ts";

/** How a run came out. */
export interface Attacked {
  /** Largest resident memory of the process. */
  readonly peakMiB: number;
  /** From the first attacked request, or from the signal, to the exit; absent = killed by us. */
  readonly overSec: number | undefined;
  /** It was still running when it was to be interrupted. */
  readonly signaled: boolean;
  /** The line of the report, or of the error, that names the failure. */
  readonly said: string;
}

export interface AttackedOptions {
  readonly transport: string;
  /** More for the command line. */
  readonly options: readonly string[];
  readonly timeoutSec: number;
  /** Send Ctrl-C to a run that would go on. */
  readonly interrupt: boolean;
}

const POLL_MS = 20;
/** After the first attacked request. */
const INTERRUPT_MS = 2500;
/** A run that takes longer than this hangs. */
const HANGS_MS = 60_000;

/** Starts the attacker and the program, and waits until one of them has enough. */
export async function runAttacked(
  start: (onAttack: () => void) => Attacker,
  { transport, options, timeoutSec, interrupt }: AttackedOptions,
): Promise<Attacked> {
  let attackedMs: number | undefined;
  const attacker = start(() => attackedMs ??= performance.now());
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "-A", new URL("../../../cli.ts", import.meta.url).pathname],
      ...["bench", `http://127.0.0.1:${attacker.port}`, "--transport", transport],
      ...["--output-tokens", `${LOAD_TOKENS}`, "--length", "cap", "--concurrency", "2"],
      ...["--warmup", "0", "--no-save", "--no-witness", "--gpu", "off", ...options],
      ...(interrupt
        ? ["--duration", "600", "--timeout", "600", "--grace", "1"]
        : ["--requests", "2", "--timeout", `${timeoutSec}`]),
    ],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  let over = false;
  output.then(() => over = true);
  const spawnedMs = performance.now();
  let signaledMs: number | undefined;
  let killed = false;
  let peakKib = 0;
  while (!over) {
    peakKib = Math.max(peakKib, peakOf(child.pid));
    const nowMs = performance.now();
    const begunMs = attackedMs ?? spawnedMs;
    if (interrupt && signaledMs === undefined && attackedMs !== undefined) {
      if (nowMs > attackedMs + INTERRUPT_MS) {
        signaledMs = nowMs;
        child.kill("SIGINT");
      }
    }
    if (nowMs > (signaledMs ?? begunMs) + HANGS_MS && !killed) {
      killed = true;
      child.kill("SIGKILL");
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const endedMs = performance.now();
  attacker.close();
  const { stdout, stderr } = await output;
  return {
    peakMiB: peakKib / 1024,
    overSec: killed ? undefined : (endedMs - (signaledMs ?? attackedMs ?? spawnedMs)) / 1000,
    signaled: signaledMs !== undefined,
    said: told(new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)),
  };
}

/** Largest resident memory so far, in KiB; 0 once the process has ended. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function told(out: string, err: string): string {
  const failed = /^Failed +(.*(?:\n {13}.*)*)/m.exec(out)?.[1];
  const line = failed ?? /^error: (.*)/m.exec(err)?.[1] ?? "no failure";
  return line.replace(/\s+/g, " ").replaceAll("|", "\\|").replace(/127\.0\.0\.1:\d+/g, "…");
}
