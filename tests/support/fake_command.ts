/**
 * A command with an option of every kind, for tests of the command line; `wait` for an interrupt
 * is all that it can do.
 *
 * @module
 */
import {
  type Command,
  type CommandEntry,
  defineCommand,
  type Host,
  type Values,
} from "../../workloads/command.ts";
import { option } from "../../workloads/option_table.ts";

/** What the last run was given. */
export const seen: { values: Values; host: Host | undefined } = { values: {}, host: undefined };

/** `tokometer fake <url> [<files>...]`. */
export const FAKE: Command = defineCommand({
  name: "fake",
  description: "Pretends to measure, so that tests can see what arrives.\n\nSends nothing.",
  options: {
    url: option.argument({ help: "Address of the server, e.g. http://x. Any will do." }),
    files: option.optionalRest({ help: "Any files." }),
    rate: option.number({
      min: 0,
      max: Infinity,
      default: 1.5,
      help: "Requests per second.",
      group: "Load",
    }),
    concurrency: option.integers({
      value: "N",
      min: 1,
      default: [1, 16],
      aliases: ["c", "num-users"],
      help: "Users at once, one measurement each.",
      group: "Load",
    }),
    requests: option.integer({ aliases: ["n"], min: 1, max: 100, help: "How many." }),
    gaps: option.numbers({ repeat: true, help: "Pauses." }),
    transport: option.choice({
      choices: ["fetch", "socket", "epoll"],
      default: "fetch",
      help: "What carries the bytes.",
    }),
    metrics: option.texts({ choices: ["ttft", "itl", "tpot"], help: "What to show." }),
    tags: option.texts({ help: "Free words." }),
    header: option.texts({ repeat: true, aliases: ["H"], help: "Sent along." }),
    stream: option.flag({ default: true, help: "Stream the answers." }),
    saveText: option.flag({ help: "Keep the answers." }),
    extraBody: option.json({ help: "Merged into each request.", advanced: true }),
    apiKey: option.text({
      secret: true,
      aliases: ["k"],
      value: "KEY",
      help: "Key of the server.",
    }),
    model: option.text({ defaultText: "what the server lists", help: "Model." }),
    do: option.choice({
      choices: ["nothing", "wait", "fail", "stuck", "print", "denied", "abort"],
      default: "nothing",
      help: "What to do.",
    }),
  },
  examples: {
    "tokometer fake http://127.0.0.1:8000 --concurrency 1 16": "two loads",
    "tokometer fake http://127.0.0.1:8000 --no-stream -n 5": "without a stream",
  },
  run(values, host) {
    seen.values = values;
    seen.host = host;
    return ACTIONS[values.do](host);
  },
});

/** {@linkcode FAKE}, or one that differs from it, as the list of commands has it. */
export function fakeEntry(command: Command = FAKE): CommandEntry {
  return {
    name: command.name,
    aliases: ["fake_command"],
    summary: "Pretends to measure",
    load: () => Promise.resolve(command),
  };
}

const ACTIONS = {
  nothing: (_host: Host) => Promise.resolve(0),
  /** As `bench` does: drain after the first interrupt, report after the second; print each. */
  async wait(host: Host) {
    const alive = setInterval(() => {}, 1000);
    host.note("ready");
    await aborted(host.interrupted);
    host.note("draining");
    await aborted(host.aborted);
    clearInterval(alive);
    host.print("report");
    return 130;
  },
  fail: (_host: Host): Promise<number> => Promise.reject(new TypeError("broken on purpose")),
  async stuck(host: Host) {
    const alive = setInterval(() => {}, 1000);
    host.note("ready");
    await new Promise(() => {});
    clearInterval(alive);
    return 0;
  },
  print(host: Host) {
    for (let line = 0; line < 20_000; line++) host.print(`line ${line}`);
    host.note("printed all");
    return Promise.resolve(0);
  },
  denied: (_host: Host) => Deno.readTextFile("/etc/hostname").then(() => 0),
  async abort(host: Host) {
    host.note("ready");
    await aborted(host.aborted);
    host.aborted.throwIfAborted();
    return 0;
  },
};

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
