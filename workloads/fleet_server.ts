/**
 * A NATS server of our own for one fleet: `--nats embedded`, and tests.
 *
 * @module
 */
import { patientClock } from "../backends/clock.ts";
import { messageOf, oneLine } from "../backends/error_message.ts";
import { describeEnd, type ServerProcess, startServer } from "../backends/launch.ts";
import { isLocal } from "../backends/local_address.ts";
import { keepSecret } from "./secret.ts";
import { readTextFile } from "./text_file.ts";
import { EXIT, UserError } from "./user_error.ts";

/** How to start one. */
export interface NatsServerOptions {
  /** Address to listen on. Default 127.0.0.1; another one than loopback or private takes credentials. */
  readonly address?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** What clients must know. */
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  /** Where JetStream keeps its files. Default: a folder of its own, which goes with the server. */
  readonly store?: string;
  /** Program. Default `nats-server`. */
  readonly program?: string;
  /** Further lines of its configuration, such as accounts. */
  readonly config?: string;
  /** Default true. */
  readonly jetStream?: boolean;
}

/** A server that runs. */
export interface NatsServer {
  /** Address for clients on this machine, without secrets. */
  readonly url: string;
  /** Address and port that it listens on. */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it has ended, in words. */
  readonly ended: Promise<string>;
  /** Ends it. It also ends when this process ends in any way. */
  stop(): Promise<void>;
}

/** It is ready within this, also with much in its store. */
const READY_MS = 30_000;
const LOOK_MS = 20;
/** Time to end by itself. */
const GRACE_MS = 3000;
/** More than what says that it is ready, or why it cannot start. */
const LOG_BYTES = 1024 * 1024;

/**
 * Starts the `nats-server` found on the PATH, with JetStream.
 *
 * @throws {UserError} when there is none, when it does not start, or when it would be open to the world.
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const { address = "127.0.0.1", port = -1, program = "nats-server" } = options;
  if (!hasCredentials(options) && !isPrivate(address)) {
    throw new UserError(
      `Cannot start a NATS server on ${address} without credentials: anybody could use it; listen on a ` +
        "loopback or private address, or give NATS_TOKEN",
    );
  }
  for (const secret of [options.token, options.password]) {
    if (secret !== undefined) keepSecret(secret);
  }
  const folder = await Deno.makeTempDir({ prefix: "tokometer_nats_" });
  const logPath = `${folder}/server.log`;
  const configPath = `${folder}/server.conf`;
  const remove = () => Deno.remove(folder, { recursive: true }).catch(() => {});
  let server: ServerProcess;
  try {
    const store = options.store ?? `${folder}/store`;
    await Deno.mkdir(store, { recursive: true });
    // Not on the command line, which everybody on the machine can read.
    await Deno.writeTextFile(configPath, configuration(options, { address, port, store }), {
      mode: 0o600,
    });
    const start = (command: string) =>
      startServer({ command, args: ["-c", configPath] }, { logPath, graceMs: GRACE_MS });
    server = await start(program).catch((error) => {
      if (options.program !== undefined || !(error instanceof Deno.errors.NotFound)) throw error;
      // Debian has it where only the administrator's PATH leads.
      return start(`/usr/sbin/${program}`);
    });
  } catch (error) {
    await remove();
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(
      `Cannot start ${program}: ${
        messageOf(error).replace(/^Cannot start [^:]*: /, "")
      }; install it ` +
        "(Debian: apt install nats-server), or name a server that runs with --nats nats://HOST:4222",
      EXIT.unreachable,
      { cause: error },
    );
  }
  const ended = server.ended.then((end) => describeEnd(end));
  const stop = async () => {
    await server.stop();
    await remove();
  };
  const listening = await waitForPort(server, logPath);
  if (typeof listening === "string") {
    await stop();
    throw new UserError(
      `Cannot start ${program} on ${address}${port < 0 ? "" : `:${port}`}: ${listening}`,
      EXIT.unreachable,
    );
  }
  const everywhere = /^(0\.0\.0\.0|\[?::\]?)$/.test(address);
  const host = everywhere ? "127.0.0.1" : bracketed(address);
  return {
    url: `nats://${host}:${listening}`,
    address,
    port: listening,
    pid: server.pid,
    ended,
    stop,
  };
}

function hasCredentials({ token, user, password }: NatsServerOptions): boolean {
  return !!token || !!user && !!password;
}

/** Whether an address is of this machine or of a private network; a name is not known to be one. */
export function isPrivate(address: string): boolean {
  if (/^(0\.0\.0\.0|\[?::\]?)$/.test(address)) return false;
  return isLocal(address) || PRIVATE.test(address.replace(/^\[|\]$/g, ""));
}

/** Private, link-local and unique local addresses (RFC 1918, 3927, 4193). */
const PRIVATE =
  /^(10(\.\d{1,3}){3}|192\.168(\.\d{1,3}){2}|172\.(1[6-9]|2\d|3[01])(\.\d{1,3}){2}|169\.254(\.\d{1,3}){2}|f[cd][\da-f]{2}:[\da-f:]+|fe[89ab][\da-f]:[\da-f:]+)$/i;

function bracketed(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}

function configuration(
  { token, user, password, config = "", jetStream = true }: NatsServerOptions,
  { address, port, store }: {
    readonly address: string;
    readonly port: number;
    readonly store: string;
  },
): string {
  const text = (value: string) => JSON.stringify(value);
  const authorization = token
    ? `authorization { token: ${text(token)} }`
    : user && password
    ? `authorization { user: ${text(user)}, password: ${text(password)} }`
    : "";
  return [
    `host: ${text(address.replace(/^\[|\]$/g, ""))}`,
    `port: ${port}`,
    jetStream ? `jetstream { store_dir: ${text(store)} }` : "",
    authorization,
    config,
    "",
  ].join("\n");
}

/** The port, or why there is none. */
async function waitForPort(
  server: ServerProcess,
  logPath: string,
): Promise<number | string> {
  let ended: string | undefined;
  void server.ended.then((end) => ended = describeEnd(end));
  const untilMs = patientClock.now() + READY_MS;
  while (true) {
    // Read after it has ended, its last words are there.
    const over = ended;
    const log = await readTextFile(logPath, LOG_BYTES).catch(() => "");
    const port = /Listening for client connections on \S*:(\d+)/.exec(log)?.[1];
    if (port !== undefined && /Server is ready/.test(log)) return Number(port);
    if (over !== undefined) {
      const [, why] = /\[FTL\]\s*(.*)/.exec(log) ?? /(?:nats-server|error): (.*)/i.exec(log) ?? [];
      return oneLine(why ?? `it ${over}`);
    }
    if (patientClock.now() >= untilMs) return `it is not ready after ${READY_MS / 1000} s`;
    await patientClock.sleepUntil(patientClock.now() + LOOK_MS);
  }
}
