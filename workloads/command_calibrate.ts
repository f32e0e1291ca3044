/**
 * `tokometer calibrate`: how many streams will this client carry, on this machine?
 *
 * @module
 */
import { systemClock, wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { LaunchedSimulator } from "../backends/sim_launch.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import type { CalibrationCell } from "../metrics/run_calibration.ts";
import { plural } from "../metrics/format.ts";
import { minimumSamples } from "../metrics/stat_quantile.ts";
import {
  answerMs,
  type CalibrationBed,
  type EnginePace,
  launchEngine,
  openBed,
} from "./calibration_cell.ts";
import { type MachineCalibration, machineOf, saveCalibration } from "./calibration_file.ts";
import { measureMemory } from "./calibration_memory.ts";
import { findStreamLimit } from "./calibration_limit.ts";
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import { readEnvironment } from "./environment.ts";
import { describeFindings, type Findings, isGrpc, isUsable } from "./calibration_report.ts";
import { busyMachine, watchStrangers } from "./calibration_strangers.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { group, option } from "./option_table.ts";
import { EXIT, UserError } from "./user_error.ts";

const namesOf = (carrier: "http" | "grpc"): readonly string[] =>
  TRANSPORTS.filter((kind) => kind.carrier === carrier).map(({ name }) => name);

/** Transports to the simulated engine. */
const TRANSPORT_NAMES = { http: namesOf("http"), grpc: namesOf("grpc") } as const;

const REQUESTS_PER_STREAM = 3;
const QUICK_REQUESTS_PER_STREAM = 2;
const SEARCH_REQUESTS_PER_STREAM = 2;
/** Values of a p99. */
const TAIL_VALUES = minimumSamples(99);
/** Fewer streams than a tenth of them have no p99: it would take too long. */
const MOST_REQUESTS_PER_STREAM = 11;
/** A longer search ends with the best result so far. */
const SEARCH_MS = 6000;
/** Enough concurrent answers to keep the engine writing without a pause. */
const FLOOD_STREAMS = 32;

const OPTIONS = {
  ...group("Load", {
    concurrency: option.integers({
      aliases: ["c", "streams"],
      default: [16, 64, 256],
      min: 1,
      max: 20_000,
      help: "Numbers of concurrent streams, one load after another.",
    }),
    itl: option.numbers({
      value: "MS[,MS…]",
      default: [20],
      min: 0.5,
      max: 10_000,
      help: "Gap between the tokens of a stream.",
    }),
    outputTokens: option.integer({ default: 32, min: 2, max: 100_000, help: "Tokens per answer." }),
    requests: option.integer({
      defaultText: "3, with few streams up to 11; with --quick 2",
      min: 2,
      max: 1000,
      help: "Requests per stream; the first is not counted. A p99 needs 100 that are.",
    }),
    pattern: option.choice({
      default: "lockstep",
      choices: ["lockstep", "spread"],
      help:
        "lockstep: the tokens of all streams leave at the same time, as from a batching engine; " +
        "spread: each stream at times of its own, which is easier to read.",
    }),
  }),
  ...group("Client", {
    transport: option.texts({
      value: "NAME[,NAME…]",
      default: ["http"],
      choices: ["http", "all", ...TRANSPORT_NAMES.http, ...TRANSPORT_NAMES.grpc],
      help: "Transports to calibrate; http: all for HTTP, all: those for gRPC too.",
    }),
    workers: {
      ...LOAD_OPTIONS.workers,
      help: "Sending threads, as in the runs that are planned.",
      advanced: false,
    },
  }),
  ...group("Search", {
    boundMs: option.number({
      needs: [{ key: "quick", not: true, because: "it leaves out the search" }],
      value: "MS",
      default: 5,
      min: 0.1,
      help: "Search for the most streams with errors of TTFT and gap below this at p99.",
    }),
    quick: option.flag({ help: "Shorter loads, and no search for the most streams." }),
  }),
  ...group("Report", {
    calibration: option.text({
      needs: [{ key: "save", because: "nothing is kept, leave out one of them" }],
      value: "FILE",
      defaultText: "in ~/.local/state/tokometer",
      help: "File that keeps the limits, by which --transport auto chooses on this machine.",
    }),
    save: option.flag({ default: true, help: "Keep the results; --no-save only prints." }),
    format: option.choice({
      default: "table",
      choices: ["table", "json"],
      help: "Report on standard output.",
    }),
  }),
};

type CalibrateValues = ValuesOf<typeof OPTIONS>;

export const command: Command = defineCommand({
  name: "calibrate",
  description:
    "For planning: which transport, and how many threads, will carry the streams of a run? Starts " +
    "the simulated engine in its own process, which records when every token left, and compares that " +
    "with what this client measured, for each transport and number of streams. Then it searches for " +
    "the most streams whose errors stay below a bound. Takes about a minute.\n\n" +
    "The limits are kept for this machine and as many cores as this process may use; --transport " +
    "auto goes by them. Reports do not: a run measures by itself how exact it is.\n\n" +
    "Loads that the engine could not keep up with are marked and not used. On Linux with --allow-ffi " +
    "it uses epoll over HTTP, which makes its stamps exact; elsewhere errors come out larger than " +
    "they are. Over gRPC its HTTP/2 library sends a little after the recorded time, so those errors " +
    "are upper bounds.\n\n" +
    "Client and engine share the machine, and what is found is that of a client beside its server. " +
    "When other programs were busy, nothing is kept.",
  options: OPTIONS,
  examples: {
    "tokometer calibrate": "the HTTP transports with 16, 64 and 256 streams",
    "tokometer calibrate --concurrency 512 --itl 50 --transport socket --workers 2":
      "will two threads carry the load of a planned run?",
    "tokometer calibrate --transport grpc,grpc-socket": "the transports of Triton and PPL",
    "tokometer calibrate --quick --no-save": "a first impression in half the time",
  },
  run: runCalibrate,
});

async function runCalibrate(values: CalibrateValues, host: Host): Promise<number> {
  const found: Findings = {
    cells: [],
    strangers: [],
    limits: [],
    memory: [],
    skipped: [],
    capacityPerSec: undefined,
  };
  const { quick, pattern, outputTokens } = values;
  const paces = values.itl.map((itlMs): EnginePace => ({ itlMs, pattern, outputTokens }));
  host.note("Starting the simulated engine …");
  try {
    if (!quick && !transportsOf(values).every(isGrpc)) {
      found.capacityPerSec = await measureCapacity(values, host);
    }
    const transports = transportsOf(values);
    // HTTP and gRPC have an engine each, on the loop that is best for it.
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
  const { cores, effectiveCores = cores } = environment;
  const calibration = {
    machine: machineOf(environment),
    savedAt: new Date(wallClockMs()).toISOString(),
    cells: found.cells,
    limits: found.limits,
    memory: found.memory,
    ...defined({ capacityPerSec: found.capacityPerSec }),
  };
  const machine = { cores, effectiveCores };
  const busy = busyMachine(found.cells, found.strangers, machine);
  if (values.format === "json") {
    host.print(
      JSON.stringify({ ...calibration, ...defined({ busy }), skipped: found.skipped }, null, 1),
    );
  } else {
    const { columns } = host;
    for (const line of describeFindings(found, { columns, cores: machine })) host.print(line);
  }
  // Of a busy machine even without being asked to save: nobody should plan with it.
  if (busy !== undefined) {
    host.note(
      `${
        values.save ? "Not saved: the" : "The"
      } machine was busy: ${busy}; stop what else runs, or ` +
        "calibrate when it is idle",
    );
  } else if (values.save) {
    host.note(
      await keep({ ...calibration, cells: found.cells.filter(isUsable) }, values.calibration),
    );
  }
  return host.interrupted.aborted ? EXIT.interrupted : EXIT.ok;
}

/** Saves what is usable and says what it is good for. */
async function keep(calibration: MachineCalibration, file: string | undefined): Promise<string> {
  const { cells, limits } = calibration;
  if (cells.length === 0) return "Not saved: no load was usable";
  const path = await saveCalibration(calibration, file);
  if (path === undefined) {
    return "Not saved: this needs permission to read the environment and to read and write the file";
  }
  return limits.some(({ streams, endedBy }) => streams > 0 || endedBy === "error")
    ? `Saved: ${path}; --transport auto goes by these limits on this machine`
    : `Saved: ${path}; it has no limit that --transport auto could go by`;
}

interface TransportJob {
  readonly transport: string;
  readonly engine: EnginePace;
  readonly simulator: LaunchedSimulator;
  readonly values: CalibrateValues;
  readonly host: Host;
  readonly found: Findings;
}

async function calibrateTransport(job: TransportJob): Promise<void> {
  const { transport, engine, simulator, values, host, found } = job;
  const { workers, quick, concurrency, boundMs } = values;
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
      `${what} ${transport}: ${plural(streams, "stream")}, one token every ${engine.itlMs} ms`,
    );
    const strangers = watchStrangers([simulator.pid]);
    const cell = await bed.run({ streams, requestsPerStream });
    // An interrupted load is not a measurement.
    if (!host.interrupted.aborted) {
      own.push(cell);
      found.cells.push(cell);
      found.strangers.push(strangers.finish());
    }
    return cell;
  };
  try {
    for (const streams of concurrency.toSorted((a, b) => a - b)) {
      if (host.interrupted.aborted) return;
      await run(streams, requestsFor(streams, values), "calibrating");
    }
    if (quick || host.interrupted.aborted) return;
    const untilMs = systemClock.now() + SEARCH_MS;
    const limit = await findStreamLimit({
      known: [...own],
      boundMs,
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

/** As many requests per stream as make a p99, within reason. */
function requestsFor(streams: number, { requests, quick }: CalibrateValues): number {
  if (requests !== undefined) return requests;
  if (quick) return QUICK_REQUESTS_PER_STREAM;
  const wanted = 1 + Math.ceil(TAIL_VALUES / streams);
  return Math.min(MOST_REQUESTS_PER_STREAM, Math.max(REQUESTS_PER_STREAM, wanted));
}

/** Once per transport: the gap between tokens does not matter. */
async function addMemory({ transport, engine, simulator, values, host, found }: TransportJob) {
  const known = found.memory.some((one) => one.transport === transport);
  if (known || host.interrupted.aborted) return;
  host.progress(`memory of a stream over ${transport}`);
  const memory = await measureMemory({
    transport,
    workers: values.workers,
    simulator,
    outputTokens: engine.outputTokens,
    abortSignal: host.interrupted,
  });
  if (memory !== undefined) found.memory.push(memory);
}

/** Highest rate of tokens that the engine can send, over HTTP and the cheapest transport. */
async function measureCapacity(values: CalibrateValues, host: Host): Promise<number | undefined> {
  const engine: EnginePace = { itlMs: 0, pattern: "spread", outputTokens: 256 };
  const simulator = await launchEngine(engine);
  try {
    host.progress("measuring how fast the engine can send");
    const bed = await openBed({
      transport: "socket",
      workers: values.workers,
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

function transportsOf(values: CalibrateValues): readonly string[] {
  const wanted = values.transport.flatMap((name) => {
    if (name === "all") return [...TRANSPORT_NAMES.http, ...TRANSPORT_NAMES.grpc];
    return name === "http" ? TRANSPORT_NAMES.http : [name];
  });
  return [...new Set(wanted)];
}
