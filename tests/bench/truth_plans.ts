/**
 * The loads and the states of the machine of `truth.ts`.
 *
 * @module
 */

/** Which independent server judges. */
export type ServerKind = "http" | "grpc" | "tls" | "far";

/** A load of a server whose log is the truth. */
export interface TruthPlan {
  readonly name: string;
  readonly title: string;
  readonly server: ServerKind;
  /** Users of a closed loop; absent = `rate`. */
  readonly users?: number;
  /** Seconds over which they start; 0 = all at once. */
  readonly rampUpSec?: number;
  /** Poisson arrivals per second. */
  readonly rate?: number;
  readonly requests: number;
  readonly tokens: number;
  /** From the arrival to the first token; where `lockstep`, at least. */
  readonly ttftMs: number;
  /** Between writes. */
  readonly itlMs: number;
  /** All streams write at the same instants. */
  readonly lockstep?: boolean;
  /** Tokens of a write. */
  readonly joined?: number;
  readonly transports: readonly string[];
}

const PACE = { ttftMs: 50, itlMs: 50, tokens: 48 } as const;

function users(
  count: number,
  rampUpSec: number,
  transports: readonly string[],
  rest: Partial<TruthPlan> = {},
): TruthPlan {
  const start = rampUpSec === 0 ? "all at once" : `spread over ${rampUpSec} s`;
  return {
    name: `${rampUpSec === 0 ? "burst" : "spread"}-${count}`,
    title: `${count.toLocaleString("en")} users, ${start}`,
    ...{ server: "http", users: count, rampUpSec, requests: 2 * count, ...PACE },
    transports,
    ...rest,
  };
}

function poisson(rate: number, transports: readonly string[]): TruthPlan {
  return {
    name: `poisson-${rate}`,
    title: `${rate} arrivals per second (Poisson)`,
    ...{ server: "http", rate, requests: 5 * rate, ...PACE, tokens: 24 },
    transports,
  };
}

/** All loads. */
export const PLANS: readonly TruthPlan[] = [
  users(64, 2, ["fetch", "socket", "epoll", "auto"]),
  users(64, 0, ["fetch", "socket", "epoll", "auto"]),
  users(512, 2, ["fetch", "socket", "epoll", "auto"]),
  users(512, 0, ["fetch", "socket", "epoll", "auto"]),
  users(1024, 2, ["fetch", "socket", "epoll", "auto"]),
  users(1024, 0, ["fetch", "socket", "epoll", "auto"]),
  users(4096, 4, ["socket", "epoll", "auto"], { tokens: 40 }),
  users(4096, 0, ["socket", "epoll", "auto"], { tokens: 40 }),
  poisson(50, ["fetch", "socket", "epoll", "auto"]),
  poisson(500, ["fetch", "socket", "epoll", "auto"]),
  users(256, 1, ["fetch", "socket", "epoll"], {
    name: "lockstep-256",
    title: "256 users, all tokens at the same instants",
    lockstep: true,
  }),
  users(256, 1, ["fetch", "socket", "epoll"], {
    name: "joined-256",
    title: "256 users, 4 tokens a write",
    ...{ joined: 4, tokens: 128 },
  }),
  users(64, 1, ["fetch", "socket", "epoll"], {
    name: "fast-64",
    title: "64 users, a token every 5 ms",
    ...{ itlMs: 5, tokens: 320 },
  }),
  users(64, 1, ["grpc", "grpc-socket"], {
    name: "grpc-64",
    title: "gRPC, 64 users",
    server: "grpc",
  }),
  users(256, 1, ["grpc", "grpc-socket"], {
    name: "grpc-256",
    title: "gRPC, 256 users",
    server: "grpc",
  }),
  users(64, 1, ["fetch", "socket", "auto"], {
    name: "tls-64",
    title: "TLS, 64 users",
    server: "tls",
  }),
  users(64, 1, ["fetch", "socket", "epoll"], {
    name: "far-64",
    title: "64 users, 20 ± 5 ms away, 1 % of packets lost",
    server: "far",
  }),
];

/** How the machine is while the client runs. */
export type MachineState = "idle" | "busy" | "pinned" | "quota";

/** Each with what a reader should know. */
export const STATES: Readonly<Record<MachineState, string>> = {
  idle: "nothing else runs",
  busy: "beside two busy loops",
  pinned: "the client pinned to one core",
  quota: "the client in a cgroup of 0.5 CPU",
};

/** The query that makes the HTTP servers pace a plan so. */
export function paceQuery({ ttftMs, itlMs, lockstep, joined }: TruthPlan): string {
  return [
    ...["paced=1", `ttft=${ttftMs * 1000}`, `itl=${itlMs * 1000}`],
    ...(lockstep === true ? ["lock=1"] : []),
    ...(joined === undefined ? [] : [`coal=${joined}`]),
  ].join("&");
}

/** Options of `bench` that make the load of a plan. */
export function loadOptions(plan: TruthPlan, transport: string): string[] {
  return [
    ...(plan.users === undefined ? [`--rate=${plan.rate}`] : [`--concurrency=${plan.users}`]),
    ...(plan.rampUpSec === undefined || plan.rampUpSec === 0
      ? []
      : [`--ramp-up=${plan.rampUpSec}`]),
    `--requests=${plan.requests}`,
    ...["--warmup=0", "--dataset=synthetic", "--input-tokens=8", `--output-tokens=${plan.tokens}`],
    `--transport=${transport}`,
  ];
}
