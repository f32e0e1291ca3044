/**
 * The bus of a fleet over a NATS server: messages, and what JetStream keeps of them.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { patientClock } from "../backends/clock.ts";
import type { BusMessage, BusOptions, FleetBus } from "./fleet_bus.ts";
import {
  loadNats,
  type NatsConnection,
  type NatsLibrary,
  type NatsMessage,
  type NatsOptions,
} from "./fleet_nats_library.ts";
import { openFiles } from "./fleet_nats_files.ts";
import { openKept } from "./fleet_nats_kept.ts";
import { guarded, isOf, type Link, listen, notPermitted } from "./fleet_nats_link.ts";
import { keepSecret } from "./secret.ts";
import { withoutPassword } from "./secret_names.ts";
import { readTextFile } from "./text_file.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

/** What the name of a fleet must be: it is a part of subjects and of names of streams. */
const FLEET_NAME = /^[A-Za-z0-9_-]{1,40}$/;

/** One attempt to connect takes no longer. */
const CONNECT_MS = 5000;
/** Between attempts; a little more or less, so that a thousand agents do not come at once. */
const AGAIN_MS = 500;
const AGAIN_JITTER_MS = 500;
/** A server that has not answered two pings when the third is due is cut off. */
const PING_MS = 5000;
const MOST_PINGS = 2;
/** What still waits is sent within this when the connection ends. */
const CLOSE_MS = 2000;
/** What is added to a message besides its data: subject, reply, headers. */
const HEAD_BYTES = 4096;

/**
 * Connects to the NATS server of a fleet. Whatever happens later, it comes back by itself.
 *
 * @throws {UserError} when the server cannot be reached within `waitMs`, refuses the credentials, does not
 * let them use this fleet, or has no JetStream.
 */
export async function connectBus(options: BusOptions): Promise<FleetBus> {
  const { fleet } = options;
  checkFleetName(fleet);
  const { urls, user, password, token } = readServers(options);
  const shown = withoutPassword(urls.join());
  const secrets = await readCredentials(options);
  const library = await loadNats();
  const nats: NatsOptions = {
    servers: urls,
    name: options.name,
    inboxPrefix: `tokometer.${fleet}._inbox`,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: AGAIN_MS,
    reconnectJitter: AGAIN_JITTER_MS,
    timeout: CONNECT_MS,
    pingInterval: options.pingMs ?? PING_MS,
    maxPingOut: MOST_PINGS,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...authentication(library, { ...secrets, user, password, token }),
    ...(secrets.ca !== undefined || urls.some((url) => /^(tls|wss):/i.test(url))
      ? { tls: secrets.ca === undefined ? {} : { ca: secrets.ca } }
      : {}),
  };
  const connection = await connect(library, nats, { shown, ...options });
  try {
    return await openBus(library, connection, { fleet, shown });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** @throws {UserError} for a name that no fleet can have. */
export function checkFleetName(fleet: string): void {
  if (FLEET_NAME.test(fleet)) return;
  throw new UserError(
    `Cannot call a fleet "${fleet}": it takes 1 to 40 letters, digits, "-" and "_"`,
  );
}

/** What is known of the servers and who we are to them. */
interface Servers {
  readonly urls: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
}

/** Takes user, password and token out of the addresses: the client knows them only apart. */
function readServers(options: BusOptions): Servers {
  let { user, password, token } = options;
  const urls = options.servers.split(",").map((text) => text.trim()).filter((text) => text !== "")
    .map((text) => {
      const full = /^[a-z]+:\/\//i.test(text) ? text : `nats://${text}`;
      const match = /^(nats|tls|wss?):\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/i.exec(full);
      if (match === null || URL.parse(`http://${match[3]}`) === null) {
        throw new UserError(
          `Cannot use "${text}" as a NATS server: it takes nats://HOST:PORT, tls://, ws:// or wss://`,
        );
      }
      const [, scheme, who, host] = match;
      if (who !== undefined) {
        const [name = "", secret] = who.split(":").map(decodeURIComponent);
        if (secret === undefined) token ??= name;
        else [user, password] = [user ?? name, password ?? secret];
        keepSecret(secret ?? name);
      }
      return `${scheme!.toLowerCase()}://${host}`;
    });
  if (urls.length === 0) throw new UserError("Cannot connect to no NATS server: it takes its URL");
  const web = urls.filter((url) => url.startsWith("ws"));
  if (web.length > 0 && web.length < urls.length) {
    throw new UserError(`Cannot mix web sockets and others in ${urls.join()}`);
  }
  for (const secret of [password, token]) if (secret !== undefined) keepSecret(secret);
  return { urls, user, password, token };
}

/** Contents of the files that the options name. */
async function readCredentials(
  { credsFile, nkeyFile, caCert }: BusOptions,
): Promise<{ readonly creds?: string; readonly nkey?: string; readonly ca?: string }> {
  const read = async (path: string) => {
    try {
      return await readTextFile(path, 1024 * 1024);
    } catch (error) {
      throw fileError(`Cannot read ${path}`, error);
    }
  };
  const creds = credsFile === undefined ? undefined : await read(credsFile);
  const nkey = nkeyFile === undefined
    ? undefined
    // Comments may stand around it.
    : /^S[A-Z2-7]{50,}$/m.exec((await read(nkeyFile)).replaceAll("\r", ""))?.[0];
  if (nkeyFile !== undefined && nkey === undefined) {
    throw new UserError(`Cannot use ${nkeyFile}: it holds no seed of an nkey (SU…)`);
  }
  if (creds !== undefined && !/BEGIN USER NKEY SEED/.test(creds)) {
    throw new UserError(`Cannot use ${credsFile}: it is no file of credentials (.creds)`);
  }
  for (const [secret] of (creds ?? "").matchAll(/^[\w.-]{40,}$/gm)) keepSecret(secret);
  if (nkey !== undefined) keepSecret(nkey);
  return {
    ...(creds === undefined ? {} : { creds }),
    ...(nkey === undefined ? {} : { nkey }),
    ...(caCert === undefined ? {} : { ca: await read(caCert) }),
  };
}

function authentication(
  library: NatsLibrary,
  { creds, nkey, user, password, token }: Omit<Servers, "urls"> & {
    readonly creds?: string;
    readonly nkey?: string;
  },
): { readonly authenticator?: unknown } {
  const bytes = (text: string) => new TextEncoder().encode(text);
  if (creds !== undefined) return { authenticator: library.credsAuthenticator(bytes(creds)) };
  if (nkey !== undefined) return { authenticator: library.nkeyAuthenticator(bytes(nkey)) };
  if (user !== undefined) {
    return { authenticator: library.usernamePasswordAuthenticator(user, password) };
  }
  return token === undefined ? {} : { authenticator: library.tokenAuthenticator(token) };
}

/** Tries until the server is there, or `waitMs` is over; what will not change is an error at once. */
async function connect(
  library: NatsLibrary,
  nats: NatsOptions,
  { shown, waitMs = 0, signal }: Pick<BusOptions, "waitMs" | "signal"> & { readonly shown: string },
): Promise<NatsConnection> {
  const untilMs = patientClock.now() + waitMs;
  while (true) {
    try {
      const web = nats.servers[0]!.startsWith("ws");
      return await (web ? library.wsconnect(nats) : library.connect(nats));
    } catch (error) {
      const refused = isOf(error, "AuthorizationError", "UserAuthenticationExpiredError");
      if (refused) {
        throw new UserError(
          `Cannot log in to the NATS server at ${shown}: ${messageOf(error)}; it takes the ` +
            "fleet's credentials",
          EXIT.unreachable,
          { cause: error },
        );
      }
      if (signal?.aborted || patientClock.now() >= untilMs) {
        throw new UserError(
          `Cannot reach the NATS server at ${shown}: ${messageOf(error)}`,
          EXIT.unreachable,
          { cause: error },
        );
      }
      await patientClock.sleepUntil(
        Math.min(untilMs, patientClock.now() + AGAIN_MS),
        signal,
      );
    }
  }
}

async function openBus(
  library: NatsLibrary,
  connection: NatsConnection,
  { fleet, shown }: { readonly fleet: string; readonly shown: string },
): Promise<FleetBus> {
  const prefix = `tokometer.${fleet}.`;
  const listeners: ((connected: boolean) => void)[] = [];
  let connected = true;
  let session = new AbortController();
  let closing = false;
  const change = (now: boolean) => {
    if (now === connected) return;
    connected = now;
    if (now) session = new AbortController();
    else session.abort();
    for (const listener of listeners) guarded(() => listener(now));
  };
  const watched = (async () => {
    for await (const { type } of connection.status()) {
      if (type === "disconnect" || type === "staleConnection") change(false);
      if (type === "reconnect") change(true);
      if (type === "close") break;
    }
    change(false);
  })();
  const most = () => (connection.info?.max_payload ?? 1024 * 1024) - HEAD_BYTES;
  const closed = new AbortController();
  const link: Link = {
    library,
    connection,
    fleet,
    shown,
    closed: closed.signal,
    maxBytes: most,
    connected: () => connected,
    untilCut: () => session.signal,
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
  const send = (data: Uint8Array): Uint8Array => {
    if (data.length > most()) {
      throw new RangeError(
        `Cannot send a message of ${data.length} bytes: the NATS server at ${shown} takes ${most()}`,
      );
    }
    return data;
  };
  const kept = await openKept(link);
  const files = openFiles(kept);
  return {
    shown,
    publish: (subject, data) => {
      if (connected && !closing) connection.publish(prefix + subject, send(data));
    },
    subscribe: (subject, onMessage) =>
      listen(connection, prefix + subject, (message) => onMessage(received(message, prefix, send))),
    async request(subject, data, { timeoutMs, signal }) {
      if (signal?.aborted || closing) return undefined;
      const asked = connection.request(prefix + subject, send(data), {
        timeout: Math.max(1, timeoutMs),
      }).then((answer) => answer.data, (error) => {
        if (isOf(error, "PermissionViolationError")) throw notPermitted(link, error);
        return undefined;
      });
      if (signal === undefined) return await asked;
      return await new Promise((resolve, reject) => {
        const leave = () => resolve(undefined);
        signal.addEventListener("abort", leave, { once: true });
        asked.finally(() => signal.removeEventListener("abort", leave)).then(resolve, reject);
      });
    },
    ...kept.bus,
    ...files,
    connected: () => connected && !closing,
    onChange: link.onChange,
    async close() {
      if (closing) return;
      closing = true;
      closed.abort();
      if (connected) {
        const limit = new AbortController();
        await Promise.race([
          connection.flush().catch(() => {}),
          patientClock.sleepUntil(patientClock.now() + CLOSE_MS, limit.signal),
        ]);
        limit.abort();
      }
      await connection.close();
      await watched;
    },
  };
}

function received(
  message: NatsMessage,
  prefix: string,
  send: (data: Uint8Array) => Uint8Array,
): BusMessage {
  return {
    subject: message.subject.slice(prefix.length),
    data: message.data,
    respond: (data) => {
      if (message.reply) message.respond(send(data));
    },
  };
}
