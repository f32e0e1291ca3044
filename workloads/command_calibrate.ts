/**
 * `tokometer calibrate`: how exact is this client, on this machine?
 *
 * @module
 */
import { systemClock, wallClockMs } from "../backends/clock.ts";
import type { LaunchedSimulator } from "../backends/sim_launch.ts";
import { findTransport, TRANSPORTS } from "../backends/transports.ts";
import type { CalibrationCell, CalibrationLimit, MemoryPerStream } from "../metrics/run.ts";
import { formatCount, formatMs, formatNumber, formatShare, plural } from "../metrics/format.ts";
import { type TextColumn, textTable, wrapText } from "../metrics/report_text_table.ts";
import {
  answerMs,
  type CalibrationBed,
  type EnginePace,
  launchEngine,
  openBed,
} from "./calibration_cell.ts";
import { machineOf, saveCalibration } from "./calibration_file.ts";
import { measureMemory } from "./calibration_memory.ts";
import { findStreamLimit } from "./calibration_limit.ts";
import { readEnvironment } from "./environment.ts";
import type { Command, Host, Option, Values } from "./command.ts";
import { EXIT, UserError } from "./user_error.ts";

const namesOf = (carrier: "http" | "grpc"): readonly string[] =>
  TRANSPORTS.filter((kind) => kind.carrier === carrier).map(({ name }) => name);

/** Transports that the simulated engine can be reached over. */
const PLAYED = { http: namesOf("http"), grpc: namesOf("grpc") } as const;

const REQUESTS_PER_STREAM = 3;
const QUICK_REQUESTS_PER_STREAM = 2;
const SEARCH_REQUESTS_PER_STREAM = 2;
/** A search that takes longer ends with what it knows. */
const SEARCH_MS = 6000;
/** Enough answers at once to keep the engine writing without a pause. */
const FLOOD_STREAMS = 32;

const OPTIONS: readonly Option[] = [
  {
    name: "concurrency",
    kind: "integers",
    value: "N[,N…]",
    aliases: ["c", "streams"],
    default: [16, 64, 256],
    min: 1,
    max: 20_000,
    help: "Streams at the same time, one load after another.",
    group: "Load",
  },
  {
    name: "itl",
    kind: "numbers",
    value: "MS[,MS…]",
    default: [20],
    min: 0.5,
    max: 10_000,
    help: "Gap between the tokens of a stream.",
    group: "Load",
  },
  {
    name: "output-tokens",
    kind: "integer",
    value: "N",
    default: 32,
    min: 2,
    max: 100_000,
    help: "Tokens of an answer.",
    group: "Load",
  },
  {
    name: "requests",
    kind: "integer",
    value: "N",
    defaultText: "3, with --quick 2",
    min: 2,
    max: 1000,
    help: "Requests of each stream, the first of which is not judged. More make a better tail.",
    group: "Load",
  },
  {
    name: "pattern",
    kind: "text",
    value: "NAME",
    default: "lockstep",
    choices: ["lockstep", "spread"],
    help: "lockstep: all streams' tokens leave at one instant, as engines that batch send them; " +
      "spread: each stream has instants of its own, which is easier to read.",
    group: "Load",
  },
  {
    name: "transport",
    kind: "texts",
    value: "NAME[,NAME…]",
    default: ["http"],
    choices: ["http", "all", ...PLAYED.http, ...PLAYED.grpc],
    help: "Transports to calibrate; http: all that carry HTTP, all: those of gRPC too.",
    group: "Client",
  },
  {
    name: "workers",
    kind: "integer",
    value: "N",
    default: 1,
    min: 0,
    max: 64,
    help: "Sending threads, as in the runs that the calibration is for.",
    group: "Client",
  },
  {
    name: "bound-ms",
    kind: "number",
    value: "MS",
    default: 5,
    min: 0.1,
    help: "Search for the most streams whose errors of TTFT and gap stay below this at p99.",
    group: "Search",
  },
  {
    name: "quick",
    kind: "flag",
    help: "Shorter loads, no search for the most streams.",
    group: "Search",
  },
  {
    name: "calibration",
    kind: "text",
    value: "FILE",
    defaultText: "in ~/.local/state/tokometer",
    help: "File that keeps what was found, for later runs on this machine.",
    group: "Report",
  },
  {
    name: "save",
    kind: "flag",
    default: true,
    help: "Keep what was found; --no-save only prints.",
    group: "Report",
  },
  {
    name: "format",
    kind: "text",
    value: "NAME",
    default: "table",
    choices: ["table", "json"],
    help: "What goes to standard output.",
    group: "Report",
  },
];

/** The scenario `calibrate`. */
export const calibrate: Command = {
  name: "calibrate",
  summary: "Measure how exact this client is on this machine",
  description:
    "Starts the simulated engine in a process of its own, which knows just before which instant " +
    "every token left, and compares what this client measured with that: the error of TTFT, of " +
    "each gap and of the whole answer, for each transport and number of streams. Then it searches " +
    "for the most streams whose error stays below a bound. Takes about a minute.\n\n" +
    "What was found is kept for this machine, and later runs of `tokometer bench` print it beside " +
    "their results, where the load was like one of these; runs beyond the limit that was found are " +
    "suspect, and --transport auto goes by it.\n\n" +
    "The engine says of itself how many tokens a second it can write and how far behind its plan " +
    "they left; loads that it could not keep up with are marked and not used. On Linux with " +
    "--allow-ffi it calls epoll itself over HTTP, which makes its stamps exact; elsewhere errors come " +
    "out larger than they are. Over gRPC its HTTP/2 library sends a little after the instant that it " +
    "tells, so those errors are upper bounds.\n\n" +
    "Client and engine share the machine: the errors are those of a client beside its server. " +
    "Run it while nothing else is busy.",
  positionals: [],
  options: OPTIONS,
  examples: [
    { line: "tokometer calibrate", does: "the HTTP transports with 16, 64 and 256 streams" },
    {
      line: "tokometer calibrate --concurrency 512 --itl 50 --transport socket --workers 2",
      does: "the load of a planned run",
    },
    {
      line: "tokometer calibrate --transport grpc,grpc-socket",
      does: "the transports of Triton and PPL",
    },
    { line: "tokometer calibrate --quick --no-save", does: "a first impression in half the time" },
  ],
  run: runCalibrate,
};

/** What a calibration found so far. */
interface Findings {
  readonly cells: CalibrationCell[];
  readonly limits: CalibrationLimit[];
  readonly memory: MemoryPerStream[];
  /** Transports that could not be opened, and why. */
  readonly skipped: { readonly transport: string; readonly reason: string }[];
  /** Most tokens/s that the engine was seen to write. */
  capacityPerSec: number | undefined;
}

async function runCalibrate(values: Values, host: Host): Promise<number> {
  const found: Findings = {
    cells: [],
    limits: [],
    memory: [],
    skipped: [],
    capacityPerSec: undefined,
  };
  const quick = values.quick === true;
  const paces = (values.itl as readonly number[]).map((itlMs): EnginePace => ({
    itlMs,
    pattern: values.pattern as EnginePace["pattern"],
    outputTokens: values["output-tokens"] as number,
  }));
  host.note("Starting the simulated engine …");
  try {
    if (!quick && !transportsOf(values).every(isGrpc)) {
      found.capacityPerSec = await measureCapacity(values, host);
    }
    const transports = transportsOf(values);
    // The engine serves one or the other from the loop that is best for it.
    const carried = [
      { grpc: false, transports: transports.filter((name) => !isGrpc(name)) },
      { grpc: true, transports: transports.filter(isGrpc) },
    ].filter((one) => one.transports.length > 0);
    for (
      const { engine, grpc, transports } of paces.flatMap((engine) =>
        carried.map((one) => ({ engine, ...one }))
      )
    ) {
      if (host.interrupted.aborted) break;
      const simulator = await launchEngine(engine, { grpc });
      try {
        for (const transport of transports) {
          if (host.interrupted.aborted) break;
          await calibrateTransport({ transport, engine, simulator, values, host, found });
        }
      } finally {
        await simulator.stop();
      }
    }
  } finally {
    host.progress("");
  }
  if (found.cells.length === 0 && !host.interrupted.aborted) {
    const reasons = found.skipped.map(({ transport, reason }) => `${transport}: ${reason}`);
    throw new UserError(`Cannot calibrate any transport: ${reasons.join("; ")}`);
  }
  if (found.cells.length === 0) {
    throw new UserError("Interrupted before anything was calibrated", EXIT.interrupted);
  }
  const environment = await readEnvironment();
  const calibration = {
    machine: machineOf(environment),
    savedAt: new Date(wallClockMs()).toISOString(),
    cells: found.cells,
    limits: found.limits,
    memory: found.memory,
    ...(found.capacityPerSec === undefined ? {} : { capacityPerSec: found.capacityPerSec }),
  };
  if (values.format === "json") {
    host.print(JSON.stringify({ ...calibration, skipped: found.skipped }, null, 1));
  } else {
    for (const line of describe(found, host.columns)) host.print(line);
  }
  if (values.save !== false && found.cells.length > 0) {
    // A limit that others set would make every later run suspect.
    const limits = strangersShare(found.cells) === undefined ? found.limits : [];
    const file = values.calibration as string | undefined;
    const path = await saveCalibration({ ...calibration, limits }, file);
    host.note(
      path === undefined
        ? "Not saved: that needs permission to read the environment and to read and write the file"
        : `Saved: ${path}; runs on this machine now print their error`,
    );
  }
  return host.interrupted.aborted ? EXIT.interrupted : EXIT.ok;
}

interface TransportJob {
  readonly transport: string;
  readonly engine: EnginePace;
  readonly simulator: LaunchedSimulator;
  readonly values: Values;
  readonly host: Host;
  readonly found: Findings;
}

async function calibrateTransport(job: TransportJob): Promise<void> {
  const { transport, engine, simulator, values, host, found } = job;
  const workers = values.workers as number;
  const quick = values.quick === true;
  const requestsPerStream = values.requests as number | undefined ??
    (quick ? QUICK_REQUESTS_PER_STREAM : REQUESTS_PER_STREAM);
  let bed: CalibrationBed;
  try {
    bed = await openBed({ transport, workers, simulator, engine, abortSignal: host.interrupted });
  } catch (error) {
    found.skipped.push({ transport, reason: error instanceof Error ? error.message : `${error}` });
    return;
  }
  const own: CalibrationCell[] = [];
  const run = async (streams: number, requestsPerStream: number, what: string) => {
    host.progress(
      `${what} ${transport}: ${plural(streams, "stream")}, a token each ${engine.itlMs} ms`,
    );
    const cell = await bed.run({ streams, requestsPerStream });
    // What was interrupted is no measurement.
    if (!host.interrupted.aborted) {
      own.push(cell);
      found.cells.push(cell);
    }
    return cell;
  };
  try {
    const sizes = [...values.concurrency as readonly number[]].sort((a, b) => a - b);
    for (const streams of sizes) {
      if (host.interrupted.aborted) return;
      await run(
        streams,
        requestsPerStream,
        "calibrating",
      );
    }
    if (quick || host.interrupted.aborted) return;
    const untilMs = systemClock.now() + SEARCH_MS;
    const limit = await findStreamLimit({
      known: [...own],
      boundMs: values["bound-ms"] as number,
      timeIsLeft: () =>
        !host.interrupted.aborted &&
        systemClock.now() + (1 + SEARCH_REQUESTS_PER_STREAM) * answerMs(engine) < untilMs,
      run: (streams) => run(streams, SEARCH_REQUESTS_PER_STREAM, "searching"),
    });
    if (limit !== undefined) found.limits.push(limit);
  } finally {
    await bed.close();
  }
  await addMemory(job);
}

/** The gap between tokens does not matter: once a transport is enough. */
async function addMemory({ transport, engine, simulator, values, host, found }: TransportJob) {
  const known = found.memory.some((one) => one.transport === transport);
  if (known || host.interrupted.aborted) return;
  host.progress(`memory of a stream over ${transport}`);
  const memory = await measureMemory({
    transport,
    workers: values.workers as number,
    simulator,
    outputTokens: engine.outputTokens,
    abortSignal: host.interrupted,
  });
  if (memory !== undefined) found.memory.push(memory);
}

/** How fast the engine can write at all, over HTTP and its cheapest transport. */
async function measureCapacity(values: Values, host: Host): Promise<number | undefined> {
  const engine: EnginePace = { itlMs: 0, pattern: "spread", outputTokens: 256 };
  const simulator = await launchEngine(engine);
  try {
    host.progress("how fast the engine can write");
    const bed = await openBed({
      transport: "socket",
      workers: values.workers as number,
      simulator,
      engine,
      abortSignal: host.interrupted,
    });
    try {
      const cell = await bed.run({ streams: FLOOD_STREAMS, requestsPerStream: 8 });
      return cell.engine.tokensPerSec;
    } finally {
      await bed.close();
    }
  } finally {
    await simulator.stop();
  }
}

function transportsOf(values: Values): readonly string[] {
  const asked = values.transport as readonly string[];
  const wanted = asked.flatMap((name) => {
    if (name === "all") return [...PLAYED.http, ...PLAYED.grpc];
    return name === "http" ? PLAYED.http : [name];
  });
  return [...new Set(wanted)];
}

function isGrpc(transport: string): boolean {
  return findTransport(transport).carrier === "grpc";
}

function describe(found: Findings, columns: number): readonly string[] {
  const width = Math.min(100, columns);
  const cells = [...found.cells].sort((a, b) =>
    a.itlMs - b.itlMs || a.transport.localeCompare(b.transport) || a.streams - b.streams
  );
  const column = (
    heading: string,
    cell: (cell: CalibrationCell) => string,
    dropOrder?: number,
  ): TextColumn => ({
    heading,
    cells: cells.map(cell),
    align: "right",
    ...(dropOrder === undefined ? {} : { dropOrder }),
  });
  const limited = cells.filter(({ engine }) => engine.limited);
  const failed = cells.reduce((sum, cell) => sum + cell.failed, 0);
  return [
    "Client error: what the client measured less what the engine did, absolute",
    "",
    ...textTable([
      {
        heading: "Transport",
        cells: cells.map(({ transport, workers }) =>
          workers === 1 ? transport : `${transport} × ${workers}`
        ),
        align: "left",
      },
      column("gap", ({ itlMs }) => formatMs(itlMs), 4),
      column(
        "streams",
        ({ streams, engine }) => formatCount(streams) + (engine.limited ? "*" : ""),
      ),
      column("tokens/s", ({ tokensPerSec }) => formatCount(tokensPerSec)),
      column("TTFT p50", ({ error }) => formatMs(error.ttft.p50Ms), 1),
      column("p99", ({ error }) => formatMs(error.ttft.p99Ms)),
      column("max", ({ error }) => formatMs(error.ttft.maxMs), 3),
      column("gap p50", ({ error }) => formatMs(error.itl.p50Ms), 1),
      column("p99", ({ error }) => formatMs(error.itl.p99Ms)),
      column("max", ({ error }) => formatMs(error.itl.maxMs), 3),
      column("E2E p99", ({ error }) => formatMs(error.e2e.p99Ms), 2),
      column("sent late p99", ({ departure }) => formatMs(departure.p99Ms), 2),
      column("µs/token", ({ cpuUsPerToken }) => formatNumber(cpuUsPerToken), 1),
    ], width),
    ...(limited.length === 0 ? [] : [
      "",
      ...wrapText(
        "* the engine itself was late: these say little about the client and are not used",
        width,
      ),
    ]),
    "",
    ...found.limits.flatMap((limit) => wrapText(describeLimit(limit), width)),
    ...found.memory.flatMap((memory) => wrapText(describeMemory(memory), width)),
    ...describeEngine(found, cells).flatMap((line) => wrapText(line, width)),
    ...(failed === 0 ? [] : wrapText(`${plural(failed, "request")} did not complete`, width)),
    ...found.skipped.flatMap(({ transport, reason }) =>
      wrapText(`${transport} was left out: ${reason}`, width)
    ),
    ...describeNoise(cells).flatMap((line) => wrapText(line, width)),
  ];
}

const LIMIT_REASONS: Readonly<Record<CalibrationLimit["endedBy"], string>> = {
  error: "more were worse",
  engine: "with more the engine was the limit",
  time: "the time for the search was over, more may do",
  descriptors: "for more the limit of open files must be raised (ulimit -n)",
};

function describeLimit(limit: CalibrationLimit): string {
  const { transport, streams, tokensPerSec, boundMs, itlMs, endedBy, tooManyStreams } = limit;
  const kept = `the p99 errors of TTFT and gap within ${formatMs(boundMs)}`;
  if (streams === 0) {
    return `${transport}: not even the fewest streams kept ${kept} (a token each ${itlMs} ms)`;
  }
  return `${transport}: up to ${plural(streams, "stream")} (${
    formatCount(tokensPerSec)
  } tokens/s) kept ${kept}; ${
    tooManyStreams === undefined
      ? LIMIT_REASONS[endedBy]
      : `${formatCount(tooManyStreams)} did not${
        endedBy === "time" ? ", and between them was no time to search" : ""
      }`
  }`;
}

function describeMemory(memory: MemoryPerStream): string {
  const { transport, kibPerStream, atMost, fewStreams, manyStreams } = memory;
  return `${transport}: ${atMost ? "less than " : ""}${formatNumber(kibPerStream)} KiB of memory ` +
    `for each stream more, record included (whole runs with ${fewStreams} and ${manyStreams} streams)`;
}

const EXACT_ENGINE =
  "Over HTTP the engine ran on epoll: it stamped directly before each write, and " +
  "arrivals are the kernel's own stamps";
const PLAIN_ENGINE =
  "The engine ran on the platform's loop, and some of its own lateness is in the " +
  "errors; on Linux with --allow-ffi it is exact";

function describeEngine(found: Findings, cells: readonly CalibrationCell[]): readonly string[] {
  const heaviest = Math.max(
    0,
    ...cells.filter(({ transport }) => !isGrpc(transport))
      .map(({ engine }) => engine.tokensPerSec ?? 0),
  );
  const worst = cells.reduce<CalibrationCell | undefined>(
    (a, b) => (b.engine.lateP99Ms ?? 0) > (a?.engine.lateP99Ms ?? -1) ? b : a,
    undefined,
  );
  const loops = new Set(
    cells.filter(({ transport }) => !isGrpc(transport)).map(({ engine }) => engine.loop),
  );
  return [
    ...(loops.has("epoll") ? [EXACT_ENGINE] : loops.has("platform") ? [PLAIN_ENGINE] : []),
    ...(found.capacityPerSec === undefined ? [] : [
      `The engine can write ${
        formatCount(found.capacityPerSec)
      } tokens/s to this client over HTTP, of which ` +
      `the heaviest load took ${formatShare(heaviest / found.capacityPerSec)}`,
    ]),
    ...(worst === undefined ? [] : [
      `Its tokens left at most ${formatMs(worst.engine.lateP50Ms)} behind plan at the median, ${
        formatMs(worst.engine.lateP99Ms)
      } at p99 (${
        plural(worst.streams, "stream")
      } over ${worst.transport}); errors count from the ` +
      "instant they left, not from the plan",
    ]),
  ];
}

/**
 * Waiting for a core while the machine should be idle: someone else uses it. Absent while that is
 * little.
 */
export function strangersShare(
  cells: readonly Pick<CalibrationCell, "client">[],
): number | undefined {
  const waits = cells.flatMap(({ client }) => client.threadWait ?? []);
  const least = Math.min(...waits);
  return waits.length > 0 && least >= BUSY_SHARE ? least : undefined;
}

/** An idle machine shows a tenth of it. */
const BUSY_SHARE = 0.15;

function describeNoise(cells: readonly CalibrationCell[]): readonly string[] {
  const share = strangersShare(cells);
  if (share === undefined) return [];
  return [
    `The machine was busy: even at its best the client waited for a core for ${
      formatShare(share)
    } of the time, so the limits are not kept; run it again when nothing else runs`,
  ];
}
