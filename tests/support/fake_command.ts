/**
 * A command with an option of every kind, for tests of the command line; `wait` for an interrupt
 * is all that it can do.
 *
 * @module
 */
import type { Command, Host, Values } from "../../workloads/mod.ts";

/** What the last run was given. */
export const seen: { values: Values; host: Host | undefined } = { values: {}, host: undefined };

/** `tokometer fake <url> [<files>...]`. */
export const FAKE: Command = {
  name: "fake",
  aliases: ["fake_command"],
  summary: "Pretends to measure",
  description: "Pretends to measure, so that tests can see what arrives.\n\nSends nothing.",
  positionals: [
    { name: "url", help: "Address of the server, e.g. http://x. Any will do.", required: true },
    { name: "files", help: "Any files.", required: false, rest: true },
  ],
  options: [
    {
      name: "rate",
      kind: "number",
      min: 0,
      max: Infinity,
      default: 1.5,
      help: "Requests per second.",
      group: "Load",
    },
    {
      name: "concurrency",
      kind: "integers",
      value: "N",
      min: 1,
      default: [1, 16],
      aliases: ["c", "num-users"],
      help: "Users at once, one measurement each.",
      group: "Load",
    },
    { name: "requests", kind: "integer", aliases: ["n"], min: 1, max: 100, help: "How many." },
    { name: "gaps", kind: "numbers", repeat: true, help: "Pauses." },
    {
      name: "transport",
      kind: "text",
      choices: ["fetch", "socket", "epoll"],
      default: "fetch",
      help: "What carries the bytes.",
    },
    { name: "metrics", kind: "texts", choices: ["ttft", "itl", "tpot"], help: "What to show." },
    { name: "tags", kind: "texts", help: "Free words." },
    { name: "header", kind: "texts", repeat: true, aliases: ["H"], help: "Sent along." },
    { name: "stream", kind: "flag", default: true, help: "Stream the answers." },
    { name: "save-text", kind: "flag", help: "Keep the answers." },
    { name: "extra-body", kind: "json", help: "Merged into each request.", advanced: true },
    {
      name: "api-key",
      kind: "text",
      secret: true,
      aliases: ["k"],
      value: "KEY",
      help: "Key of the server.",
    },
    { name: "model", kind: "text", defaultText: "what the server lists", help: "Model." },
    {
      name: "do",
      kind: "text",
      choices: ["nothing", "wait", "fail", "stuck", "print", "denied", "abort"],
      default: "nothing",
      help: "What to do.",
    },
  ],
  examples: [
    { line: "tokometer fake http://127.0.0.1:8000 --concurrency 1 16", does: "Two loads." },
    { line: "tokometer fake http://127.0.0.1:8000 --no-stream -n 5", does: "Without a stream." },
  ],
  run(values: Values, host: Host): Promise<number> {
    seen.values = values;
    seen.host = host;
    return ACTIONS[values.do as string]!(host);
  },
};

const ACTIONS: Readonly<Record<string, (host: Host) => Promise<number>>> = {
  nothing: () => Promise.resolve(0),
  /** As `bench` does: drain after the first interrupt, report after the second; say each. */
  async wait(host) {
    const alive = setInterval(() => {}, 1000);
    host.note("ready");
    await aborted(host.interrupted);
    host.note("draining");
    await aborted(host.aborted);
    clearInterval(alive);
    host.print("report");
    return 130;
  },
  fail: () => Promise.reject(new TypeError("broken on purpose")),
  async stuck(host) {
    const alive = setInterval(() => {}, 1000);
    host.note("ready");
    await new Promise(() => {});
    clearInterval(alive);
    return 0;
  },
  print(host) {
    for (let line = 0; line < 20_000; line++) host.print(`line ${line}`);
    host.note("printed all");
    return Promise.resolve(0);
  },
  denied: () => Deno.readTextFile("/etc/hostname").then(() => 0),
  async abort(host) {
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
