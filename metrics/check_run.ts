/**
 * Checks of a load and of a run: contradictions, and what a reader should know about the numbers.
 *
 * @module
 */
import type { TokenSource } from "../backends/record.ts";
import { type Check, checkOf, type Finding } from "./check.ts";
import type { Consistency, Suspects } from "./check_consistency.ts";
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import { checkRejectedCounts, checkStreaming, LOOK_FOR_BUFFERING } from "./check_generated.ts";
import {
  checkFleet,
  checkFleetClocks,
  checkFleetLeader,
  checkFleetRecords,
  checkFleetStart,
  checkFleetVersions,
  checkPart,
} from "./check_fleet.ts";
import { checkClients, checkMergedClock } from "./check_merged_clients.ts";
import { minimumSamples } from "./stat_quantile.ts";
import type { RunHeader } from "./run.ts";
import { type Failure, findMetric, type LoadSummary } from "./load_summary.ts";
import {
  clientMayJoin,
  fasterClient,
  GROUP,
  hasInstants,
  highest,
  SLOW_GAP_MS,
  type VerdictEvidence,
} from "./check_causes.ts";
import { checkWitness } from "./check_coverage.ts";
import { checkSaturation } from "./check_saturation.ts";
import { checkPool } from "./check_pool.ts";
import { checkOtherClients, checkServerCounts } from "./check_server.ts";
import {
  checkCachedShare,
  checkCacheReset,
  checkContext,
  checkSessions,
} from "./check_sessions.ts";

/** What the checks of a load look at. */
export interface LoadFacts extends Pick<VerdictEvidence, "delays" | "header"> {
  /** Everything computed about the load. */
  readonly load: Omit<LoadSummary, "checks">;
  /** What the measured records say about their own consistency. */
  readonly consistency: Consistency;
  /** Values that are in no distribution, because they are not finite. */
  readonly notFinite: Suspects;
}

type LoadCheck = (facts: LoadFacts) => Finding | undefined;

/** Little's law is about whole streams; E2E ends at the last token, hence a tolerance. */
const LITTLE_TOLERANCE = 0.1;

/** Departures later than this blur a schedule: 5 ms is half the gap of 100 req/s. */
const LATE_DEPARTURE_MS = 5;

/** Chat templates and system prompts are cached in any run; more than this is a warm cache. */
const CACHED_SHARE = 0.02;

/** Below this many reads per token, tokens arrived in groups. */
const READS_PER_TOKEN = 0.9;

/** So much shorter than the time per token, most gaps are those inside of bursts. */
const BURST_RATIO = 4;

/** With a shorter steady window, most of the run is ramp-up and drain. */
const STEADY_SHARE = 0.5;

/** Users pause for an instant between requests, so many of them are seldom all busy at once. */
const FULL_CONCURRENCY = 0.95;

/** Tokens seen may differ from tokens counted by this share: an end token has no text. */
const UNSEEN_SHARE = 0.02;

/** Token sources that assume instead of counting. */
const ASSUMED: readonly TokenSource[] = ["event", "requested", "estimate"];

/** Checks of one load that apply to it, in the order in which reports list them. */
export function checkLoad(facts: LoadFacts): readonly Check[] {
  // What an agent sent whose results never came is somebody else's, by the server's count.
  const unseen = facts.load.fleet?.agents.some(({ lost }) => lost !== undefined && !lost.counted);
  const ofAll = facts.header.part !== undefined
    ? OF_ALL_AGENTS
    : unseen === true
    ? SERVER_COUNTS
    : [];
  return Object.entries(LOAD_CHECKS).flatMap(([name, find]) =>
    ofAll.includes(name) ? [] : checkOf(name, find(facts))
  );
}

/**
 * Checks of the run as a whole that apply to it.
 *
 * @param unread lines of its record file that could not be used.
 */
export function checkRun(header: RunHeader, unread: number = 0): readonly Check[] {
  return [
    ...checkOf("unread_lines", checkUnread(unread)),
    ...checkOf("merged_clock", checkMergedClock(header)),
    ...checkOf("fleet_part", checkPart(header)),
    ...checkOf("fleet_versions", checkFleetVersions(header)),
    ...checkOf("dataset_rows", checkRows(header)),
    ...checkOf("duplicate_prompts", checkDuplicates(header)),
  ];
}

function checkUnread(unread: number): Finding | undefined {
  if (unread === 0) return undefined;
  return [
    `${plural(unread, "line")} of the record file cannot be used and ${
      unread === 1 ? "is" : "are"
    } missing from every number here`,
    "mend the lines that tokometer report names, or run it again",
  ];
}

/** Options are stored as `max-failures` or `max_failures`. */
function uses(header: RunHeader, option: string): boolean {
  const value = header.options[option] ?? header.options[option.replaceAll("-", "_")];
  return value !== undefined && value !== false && value !== "";
}

const checkComplete: LoadCheck = ({ load }) => {
  if (!load.complete) {
    return [
      "The record of this load has no end: the client was killed or could not write, and requests " +
      "in flight are lost",
      "run it again; rates here end with the last saved request",
    ];
  }
  if (load.serverLost !== undefined) return undefined;
  if (!load.interrupted) return "The load ran as planned";
  if (load.counts.offered === 0) {
    return ["The run was stopped by hand before this load sent a request", "run it again"];
  }
  return [
    `The load was stopped by hand after ${formatMs(load.durationMs)}`,
    "treat its numbers as those of a shorter run, or run it again",
  ];
};

const checkServerLost: LoadCheck = ({ load: { serverLost, counts } }) => {
  if (serverLost === undefined) return undefined;
  const { atMs, failures, message } = serverLost;
  const advice = "look at the server's log, start it again and repeat the run";
  if (failures === 0) {
    return [`The server was lost before this load: nothing was sent; ${message}`, advice];
  }
  return [
    `The server was lost ${formatMs(atMs)} after the start of the load: ${
      plural(failures, "connection")
    } in a row failed, the last with "${message}"; ${
      counts.completed === 0
        ? "nothing was measured"
        : "rates and the steady window end there, and what was measured before stands"
    }`,
    advice,
  ];
};

const checkEmpty: LoadCheck = ({ load: { counts, emptyReasons } }) => {
  if (counts.empty === 0) return undefined;
  const reasons = emptyReasons.map(({ reason, count }) =>
    `${reason === "" ? "none" : `"${reason}"`} (${formatCount(count)})`
  ).join(", ");
  return [
    `Empty answers, without a single token: ${formatCount(counts.empty)} of ${
      plural(counts.offered, "request")
    }; the server ended them as if all were well, with finish reason ${reasons}`,
    "look at one of them (--save-text), and at the prompt, stop sequences and limits that were sent; they count as failed",
  ];
};

/** Failures that a proxy causes as well as the server behind it. */
function byProxy({ kind, messages }: Failure): boolean {
  return kind === "connect_error" ||
    kind === "http_error" && messages.some(({ message }) => /^(407|502|503|504):/.test(message));
}

const checkFailures: LoadCheck = ({ load: { counts, failures }, header: { proxied, proxy } }) => {
  if (counts.failed === 0) return "No request failed";
  const top = failures[0]!;
  const via = proxied === true && failures.some(byProxy)
    ? `; requests went through the proxy ${
      proxy ?? ""
    } of the environment, which may be what refused`
      .replace("  ", " ")
    : "";
  return [
    `${formatCount(counts.failed)} of ${
      plural(counts.completed + counts.failed, "request")
    } failed, most often ${top.kind} (${formatCount(top.count)}): ${
      top.messages[0]!.message
    }${via}`,
    "fix the cause before comparing: latencies are of completed requests only, so a server that fails early looks fast",
  ];
};

const checkCancelled: LoadCheck = ({ load: { counts }, header }) => {
  if (counts.cancelled === 0) return "No request was cancelled";
  return [
    `${plural(counts.cancelled, "request")} had not ended when the load did and ${
      counts.cancelled === 1 ? "was" : "were"
    } cancelled: the slowest answers are missing from the latencies`,
    uses(header, "grace")
      ? "use a longer --grace, or request shorter answers"
      : "allow more time with --grace SECONDS, or request shorter answers",
  ];
};

const checkDropped: LoadCheck = ({ load: { counts, plan } }) => {
  if (plan.kind === "closed") return undefined;
  if (counts.dropped === 0) return "Every arrival was sent";
  return [
    `Never sent: ${formatCount(counts.dropped)} of ${
      plural(counts.offered, "arrival")
    }, because the limit of ${
      plan.maxInFlight === undefined ? "requests" : plural(plan.maxInFlight, "request")
    } in flight was reached; the load was lighter than planned`,
    "lower the rate, or raise the in-flight limit",
  ];
};

const checkOfferedRate: LoadCheck = ({ load }) => {
  const { scheduledPerSec, sentPerSec } = load.arrivals ?? {};
  if (scheduledPerSec === undefined || sentPerSec === undefined) return undefined;
  const rates = `${formatNumber(sentPerSec)} of ${formatNumber(scheduledPerSec)} req/s`;
  if (sentPerSec >= 0.95 * scheduledPerSec) return `Sent ${rates}`;
  return [
    `Only ${rates} were sent: requests waited for the in-flight limit or for this client`,
    "use latencies from the intended time (ttft_intended, e2e_intended): latencies from sent leave the waiting out",
  ];
};

const checkScheduleDelay: LoadCheck = (facts) => {
  if (!hasInstants(facts.load.plan)) return undefined;
  const late = highest(facts.delays, 99);
  if (late === undefined) return undefined;
  const found = `${late.name} of the schedule delay is ${formatMs(late.value)}`;
  if (late.value <= LATE_DEPARTURE_MS) return found;
  const limited = facts.load.plan.maxInFlight !== undefined && facts.load.plan.maxInFlight > 0 &&
    facts.load.inFlight.max === facts.load.plan.maxInFlight;
  return limited
    ? [
      `${found}: arrivals waited because ${
        plural(facts.load.plan.maxInFlight!, "request was", "requests were")
      } in flight, the limit`,
      "use latencies from the intended time, raise the in-flight limit or lower the rate",
    ]
    : [
      `${found}: this client sent late because its event loop or its machine was busy`,
      fasterClient(facts),
    ];
};

/** Measured shares of a core may be this much above 1. */
const SHARE_TOLERANCE = 0.1;

const checkClientValues: LoadCheck = ({ load: { client }, header }) => {
  if (client === undefined) return undefined;
  const { cpuCores = 0, threadCpu = 0, threadWait = 0 } = client;
  const most: Readonly<Record<string, number>> = {
    cpuCores: header.environment.cores * (1 + SHARE_TOLERANCE),
    threadCpu: 1 + SHARE_TOLERANCE,
    threadWait: 1 + SHARE_TOLERANCE,
  };
  const wrong = Object.entries({ ...client, cpuCores, threadCpu, threadWait })
    .find(([name, value]) =>
      typeof value === "number" && !(value >= 0 && value <= (most[name] ?? Number.MAX_VALUE))
    );
  if (wrong === undefined) return "The client's own figures are plausible";
  return [
    `The client's own figures cannot be true: ${wrong[0]} is ${wrong[1]}`,
    "do not trust the verdict, and please report it with the record file",
  ];
};

/** Every planned request is in the records, once. */
const checkRequests: LoadCheck = ({ load, header }) => {
  const { plan: { stopRequests, stopDurationMs }, counts, complete } = load;
  const interrupted = load.interrupted || load.serverLost !== undefined;
  if (stopRequests === undefined) return undefined;
  const found = `${formatCount(counts.offered)} of ${plural(stopRequests, "request")}`;
  if (counts.offered > stopRequests) {
    return [
      `More requests were recorded than planned: ${found}`,
      "do not use these numbers; was the record file edited?",
    ];
  }
  const mayBeFewer = stopDurationMs !== undefined || !complete || interrupted ||
    (load.fleet?.lost ?? 0) > 0 ||
    header.dataset.prompts < stopRequests + counts.warmupFromPool;
  if (counts.offered === stopRequests) return "Every planned request is recorded";
  if (mayBeFewer) return undefined;
  return [
    `Requests are missing: ${found} are recorded`,
    "do not use these numbers; was the record file cut or edited?",
  ];
};

const checkClient: LoadCheck = ({ load: { verdict, client } }) => {
  if (verdict === undefined) return undefined;
  const worst = verdict.reasons[0];
  if (worst === undefined) {
    const { cpuCores, loopLagP99Ms } = client ?? {};
    const found = [
      cpuCores === undefined ? [] : `${formatNumber(cpuCores)} cores busy`,
      loopLagP99Ms === undefined ? [] : `timers late by ${formatMs(loopLagP99Ms)} at p99`,
    ].flat();
    const what = verdict.kind === "ok" ? "The client had time" : verdict.message;
    return [what, ...found].join(", ");
  }
  const reasons = verdict.reasons.map(({ message }) => message).join("; ");
  return [`${verdict.message}: ${reasons}`, worst.advice];
};

const checkConcurrency: LoadCheck = ({ load }) => {
  const { plan, inFlight: { max }, counts } = load;
  const { kind, users, replay, thinkTime, maxPrefill } = plan;
  // Sessions and users who think have nothing in flight in their pauses, nor while they are held back.
  if (replay !== undefined || thinkTime !== undefined || maxPrefill !== undefined) return undefined;
  if (kind === "open" || users === undefined || max === undefined) return undefined;
  // Users of lost agents are told of as such.
  if ((load.fleet?.lost ?? 0) > 0) return undefined;
  const found = `${formatCount(max)} of ${plural(users, "user")} had a request in flight at once`;
  if (max >= FULL_CONCURRENCY * users) return found;
  return [
    `At most ${found}${
      counts.sent < users
        ? `: there were only ${plural(counts.sent, "request")} to send`
        : ": the load ended before the last user started, or requests are shorter than the ramp-up"
    }`,
    counts.sent < users
      ? "send at least as many requests as there are users, better ten times as many"
      : "run longer, or shorten the ramp-up",
  ];
};

const checkSteadyWindow: LoadCheck = ({ load }) => {
  if (load.counts.completed === 0) return undefined;
  const { steady } = load.throughput;
  const share = steady && (steady.toMs - steady.fromMs) / load.durationMs;
  if (share !== undefined && share >= STEADY_SHARE) {
    return `The steady window is ${formatShare(share)} of the run`;
  }
  return [
    share === undefined
      ? "There is no steady window: no request completed between the ramp-up and the last send"
      : `The steady window is only ${
        formatShare(share)
      } of the run: ramp-up and drain dilute the throughput of the whole run`,
    share === undefined
      ? "send several requests per user, or run longer"
      : "compare the steady window instead, and run longer",
  ];
};

const checkSamples: LoadCheck = ({ load }) => {
  const { counts } = load;
  const { distribution } = findMetric(load, "ttft");
  // Without proof of streaming there is no TTFT, however many requests there are.
  if (distribution.count === 0 && counts.completed > 0) return undefined;
  const wanted = Math.max(...distribution.percentiles.map(({ p }) => p), 0);
  const missing = distribution.percentiles.filter(({ value }) => value === undefined);
  if (missing.length === 0) return `${plural(counts.completed, "completed request")} are enough`;
  const { count } = distribution;
  const found = count < counts.completed
    ? `${formatCount(count)} of ${plural(counts.completed, "completed request")} have a TTFT,`
    : `${plural(count, "completed request")} ${count === 1 ? "is" : "are"}`;
  return [
    `${found} too few for ${missing.map(({ p }) => formatPercentile(p)).join(", ")}`,
    `send at least ${
      formatCount(minimumSamples(wanted))
    }, better ten times as many: a percentile of few values depends on a single request`,
  ];
};

const checkStamps: LoadCheck = ({ consistency: { impossible }, load: { counts } }) => {
  if (impossible.count === 0) return "All stamps are in order, all counts are possible";
  return [
    `${formatCount(impossible.count)} of ${plural(counts.offered, "request")} ${
      impossible.count === 1 ? "has" : "have"
    } impossible stamps or counts, first request ${impossible.index}: ${impossible.reason}`,
    "do not use these numbers, and please report it with the record file: Tokometer or the server is wrong, or the file was edited",
  ];
};

const checkFinite: LoadCheck = ({ notFinite: { count, index, reason } }) => {
  if (count === 0) return undefined;
  return [
    `${plural(count, "value")} ${
      count === 1 ? "is" : "are"
    } not finite and left out, first of request ${index}: ${reason}`,
    "the other numbers can be used; please report it with the record file",
  ];
};

const checkLatencySum: LoadCheck = ({ consistency: { broken } }) => {
  if (broken.count === 0) return "TTFT + Σ ITL = E2E for every request";
  return [
    `TTFT + Σ ITL is not E2E for ${
      plural(broken.count, "request")
    }, first request ${broken.index}: ${broken.reason}`,
    "do not use these numbers, and please report it with the record file",
  ];
};

const checkLittle: LoadCheck = ({ load }) => {
  const mean = findMetric(load, "e2e").distribution.mean;
  const { inFlight: { mean: inFlight }, throughput: { run: { qps } } } = load;
  if (mean === undefined || inFlight === undefined || qps === undefined) return undefined;
  const product = qps * mean / 1000;
  const found = `In flight on average ${formatNumber(inFlight)}, ${formatNumber(qps)} req/s × ${
    formatMs(mean)
  } = ${formatNumber(product)}`;
  if (Math.abs(inFlight - product) <= LITTLE_TOLERANCE * inFlight) return found;
  const { failed, cancelled, cancelledAsPlanned } = load.counts;
  if (failed + cancelled === 0 && cancelledAsPlanned > 0) {
    return `${found}: ${plural(cancelledAsPlanned, "request")} ended when users left, as planned`;
  }
  const others = failed + cancelled + cancelledAsPlanned;
  return [
    others > 0
      ? `${found}: the difference is due to ${plural(others, "request")} that did not complete`
      : `${found}: streams stayed open long after their last token`,
    others > 0
      ? "judge throughput and latency together with the failures"
      : "find out what the server sends after the last token (usage, end mark): users wait for it, E2E does not include it",
  ];
};

const checkTickCounts: LoadCheck = ({ consistency }) => {
  const { counted: known, differing, apartTokens } = consistency;
  const { seenTokens: seen, countedTokens: counted } = consistency;
  if (known === 0) return undefined;
  if (apartTokens <= UNSEEN_SHARE * counted) {
    return `${formatCount(seen)} tokens were seen in the streams, ${formatCount(counted)} counted`;
  }
  return [
    `The streams showed ${formatCount(seen)} tokens where ${
      formatCount(counted)
    } were counted (requests that differ: ${formatCount(differing)} of ${formatCount(known)}): ${
      counted > seen
        ? "events carry several tokens, or some tokens have no text"
        : counted < seen
        ? "there are more events than tokens"
        : "some show more and some fewer, which cancels out only in the sum"
    }`,
    "totals and throughput are right; here ITL is the gap between events, TPOT the time per token",
  ];
};

/** A stream without an end mark looks the same when it was cut short. */
const checkEndMark: LoadCheck = ({ consistency, header }) => {
  const { unmarked, unmarkedDiffering: differing, unmarkedUnforced: unforced } = consistency;
  if (unmarked === 0) return undefined;
  const found = `${header.protocol} has no end mark: nothing but the end of the body ended ${
    plural(unmarked, "answer")
  }`;
  if (differing + unforced === 0) {
    return `${found}; each has as many tokens as were asked for`;
  }
  return [
    `${found}, and whether ${
      differing > 0
        ? `tokens are missing or too many in the ${
          formatCount(differing)
        } that differ from the forced length`
        : "some of them were cut short"
    } cannot be seen`,
    `compare delivered with requested lengths${
      unforced > 0 ? ", force the length where the engine can (--length forced)" : ""
    }, or ask the engine in a protocol with an end mark and counts, such as OpenAI's`,
  ];
};

const checkRequestedLength: LoadCheck = (
  { load: { lengths: { exact, shorter, longer } }, header },
) => {
  const known = exact + shorter + longer;
  if (known === 0) return undefined;
  if (header.length === "cap") {
    if (longer === 0) return "No answer is longer than its limit";
    return [
      `Answers longer than their limit: ${formatCount(longer)} of ${formatCount(known)}`,
      "compare engines by tokens delivered: this engine exceeds the limit or counts tokens in another way (see the source of output tokens)",
    ];
  }
  if (shorter + longer === 0) return "Every answer has the requested length";
  return [
    `Answers that differ from the forced length: ${formatCount(shorter + longer)} of ${
      formatCount(exact + shorter + longer)
    } (${formatCount(shorter)} shorter, ${formatCount(longer)} longer)`,
    "compare engines by tokens delivered, not by requests; --length cap allows shorter answers",
  ];
};

function checkTokenSource(side: "prompt" | "output"): LoadCheck {
  const title = side === "prompt" ? "Prompt" : "Output";
  return ({ load: { tokens }, header }) => {
    const { sources, uncounted } = tokens[side];
    const listed = Object.entries(sources)
      .map(([source, requests]) => `${source} (${formatCount(requests)})`).join(", ");
    if (listed === "" && uncounted === 0) return undefined;
    if (uncounted === 0 && ASSUMED.every((source) => sources[source] === undefined)) {
      return `${title} tokens counted by ${listed}`;
    }
    return [
      `${title} tokens of some requests are assumed, not counted: ${
        [listed, uncounted === 0 ? "" : `none (${formatCount(uncounted)})`].filter(Boolean)
          .join(", ")
      }; rates of these tokens are as wrong as the assumption`,
      header.tokenizer.source === "tokenizer"
        ? "make the engine report usage in its stream"
        : "make the engine report usage in its stream, or count with the model's tokenizer (--tokenizer FOLDER)",
    ];
  };
}

const checkPrefixCache: LoadCheck = ({ load, header }) => {
  const compared = checkCachedShare(load, header);
  if (compared !== undefined) return compared;
  const { cache } = load;
  if (cache.share === undefined) return undefined;
  const found = `${formatShare(cache.share)} of the prompt tokens came from the prefix cache`;
  if (cache.share <= CACHED_SHARE) return found;
  return [
    `${found}: the engine saw ${
      header.saltScope === "load" ? "their beginnings before in this load" : "these prompts before"
    }, so TTFT is that of a warm cache`,
    header.saltScope === "load"
      ? "prompts begin alike or are sent again: where they should not, add --salt-scope request"
      : header.saltScope === "none"
      ? "for a cold cache, leave --salt-scope none out, or restart the engine"
      : "for a cold cache, restart the engine or disable its prefix cache",
  ];
};

const checkCoalescing: LoadCheck = ({ load, header }) => {
  if (!header.stream) return undefined;
  const { readsPerToken, eventsPerTick, tokensPerTick } = load.stream;
  const gap = findMetric(load, "itl").distribution.median;
  const tokenMs = findMetric(load, "tpot").distribution.median ?? 0;
  if (readsPerToken === undefined || gap === undefined) return undefined;
  if (tokenMs >= SLOW_GAP_MS && gap * BURST_RATIO < tokenMs) {
    return [
      `Tokens arrived in bursts: half of the gaps are below ${formatMs(gap)}, while a token takes ${
        formatMs(tokenMs)
      }; ITL does not show the pace of the engine`,
      `compare TPOT instead of ITL, and ${LOOK_FOR_BUFFERING}`,
    ];
  }
  const fast = gap < SLOW_GAP_MS && (tokensPerTick ?? 1) < GROUP;
  if (fast || readsPerToken >= READS_PER_TOKEN) {
    return `${formatNumber(readsPerToken)} reads per token`;
  }
  // Closing events, which often share a read, are not tokens that waited.
  const together = (eventsPerTick ?? 0) > 1 / READS_PER_TOKEN;
  return [
    `${formatNumber(tokensPerTick)} tokens arrived at once, every ${formatMs(gap)}: ${
      together
        ? `${
          formatNumber(eventsPerTick)
        } events arrived in one read, joined by the server or a proxy${
          clientMayJoin(load, load.client) ? ", or by this client, which read late" : ""
        }`
        : "the engine puts several tokens into one event"
    }; ITL is the gap between groups${together ? ", TTFT the arrival of the first" : ""}`,
    together
      ? `compare TPOT instead of ITL, and ${LOOK_FOR_BUFFERING}`
      : "compare TPOT instead of ITL; this is usual with speculative decoding or a stream interval above 1",
  ];
};

/** By name, in the order of reports, the most serious first. */
const LOAD_CHECKS: Readonly<Record<string, LoadCheck>> = {
  stamps: checkStamps,
  finite_values: checkFinite,
  latency_sum: checkLatencySum,
  requests: checkRequests,
  client_values: checkClientValues,
  server_lost: checkServerLost,
  fleet: ({ load }) => checkFleet(load),
  complete: checkComplete,
  streaming: ({ load, header }) => checkStreaming(load, header),
  rejected_counts: ({ load }) => checkRejectedCounts(load),
  clients: ({ load, header }) => checkClients(load.plan, header),
  fleet_start: ({ load }) => checkFleetStart(load),
  failures: checkFailures,
  context_too_long: ({ load }) => checkContext(load),
  sessions: ({ load }) => checkSessions(load),
  empty_answers: checkEmpty,
  cancelled: checkCancelled,
  dropped: checkDropped,
  offered_rate: checkOfferedRate,
  saturation: ({ load }) => checkSaturation(load),
  other_clients: ({ load }) => checkOtherClients(load),
  server_counts: ({ load }) => checkServerCounts(load),
  schedule_delay: checkScheduleDelay,
  fleet_clocks: ({ load }) => checkFleetClocks(load),
  client: checkClient,
  witness: ({ load }) => checkWitness(load),
  concurrency: checkConcurrency,
  steady_window: checkSteadyWindow,
  samples: checkSamples,
  littles_law: checkLittle,
  tick_counts: checkTickCounts,
  end_mark: checkEndMark,
  requested_length: checkRequestedLength,
  prompt_pool: ({ load, header }) => checkPool(load, header),
  prompt_token_source: checkTokenSource("prompt"),
  output_token_source: checkTokenSource("output"),
  prefix_cache: checkPrefixCache,
  cache_reset: ({ load, header }) => checkCacheReset(load, header),
  coalescing: checkCoalescing,
  fleet_leader: ({ load }) => checkFleetLeader(load),
  fleet_records: ({ load }) => checkFleetRecords(load),
};

/** What compares the server's counts with ours. */
const SERVER_COUNTS: readonly string[] = ["other_clients", "server_counts"];

/** What can be said of all agents of a fleet together only: one of them sent a share. */
const OF_ALL_AGENTS: readonly string[] = ["saturation", ...SERVER_COUNTS];

/** Names of the checks of a load, the most serious first. */
export const LOAD_CHECK_NAMES: readonly string[] = Object.keys(LOAD_CHECKS);

function checkRows({ dataset: { bad } }: RunHeader): Finding | undefined {
  if (bad === undefined) return undefined;
  return [
    `Rows of the prompts' file: ${bad}`,
    "correct these rows, or see that the rest is enough",
  ];
}

function checkDuplicates({ dataset }: RunHeader): Finding {
  if (dataset.duplicates === 0) return `All ${plural(dataset.prompts, "prompt")} differ`;
  return [
    `${formatCount(dataset.duplicates)} of ${
      plural(dataset.prompts, "prompt")
    } repeat an earlier one: an engine with a prefix cache answers these faster`,
    "compare only runs with the same dataset and seed, or remove the duplicates from the file",
  ];
}
