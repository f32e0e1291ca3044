/**
 * Opens the bus of a fleet as its options say, and starts a server for it where they say so.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { BusOptions, FleetBus } from "./fleet_bus.ts";
import { checkFleetName, connectBus } from "./fleet_nats.ts";
import { EMBEDDED, type NatsLeadValues, type NatsValues } from "./fleet_options.ts";
import { type NatsServer, startNatsServer } from "./fleet_server.ts";
import { checkSecret } from "./option_secret.ts";
import { UserError } from "./user_error.ts";

/** Who opens it. */
export interface OpenOptions {
  readonly fleet: string;
  /** What the server's list of clients shows. */
  readonly name: string;
  /** Tells what was started. */
  readonly note: (line: string) => void;
  /** Waits no longer for a server that is not there. */
  readonly signal: AbortSignal;
  /** Tries so long, ms. Default 0: once. */
  readonly waitMs?: number;
  /** May start a server. Default true. */
  readonly leads?: boolean;
  /** Reads a variable. Default: of the environment, if it may be read. */
  readonly read?: (name: string) => string | undefined;
}

/**
 * Connects to the NATS server of a fleet; its `close` also ends the server that was started.
 *
 * @throws {UserError} for a name that no fleet can have, no server, or one that cannot be used.
 */
export async function openFleetBus(
  values: Partial<NatsValues & NatsLeadValues>,
  { fleet, name, note, signal, waitMs = 0, leads = true, read = readVariable }: OpenOptions,
): Promise<FleetBus> {
  checkFleetName(fleet);
  const options = natsOptions(values, read);
  const about = { fleet, name, signal, waitMs };
  if (options.servers === EMBEDDED && !leads) {
    throw new UserError(
      `Cannot reach a fleet at --nats ${EMBEDDED}: it is the leader that starts a server, and says its URL`,
    );
  }
  if (options.servers !== EMBEDDED) return await connectBus({ ...options, ...about });
  const server = await startEmbedded(values.natsListen, options);
  try {
    const { servers: _, ...login } = options;
    const bus = await connectBus({ ...login, ...about, servers: server.url });
    const url = reachedAt(server);
    note(`Started nats-server as process ${server.pid}; agents: --nats ${url} --fleet ${fleet}`);
    return {
      ...bus,
      async close() {
        await bus.close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What the options say, and else the variables that NATS's own programs know. */
function natsOptions(
  values: Partial<NatsValues>,
  read: (name: string) => string | undefined,
): Omit<BusOptions, "fleet" | "name" | "signal" | "waitMs"> {
  const servers = values.nats ?? read("NATS_URL");
  if (!servers) {
    throw new UserError(
      "Cannot reach a fleet without its NATS server: add --nats URL, or set NATS_URL",
    );
  }
  const { natsCreds, natsNkey, natsToken, natsUser, natsPassword } = values;
  const given = [natsCreds, natsNkey, natsToken, natsUser].some((one) => one !== undefined);
  // What stands on the command line is meant, whatever the environment has for others.
  const other = (name: string) => given ? undefined : read(name) || undefined;
  const credsFile = natsCreds ?? other("NATS_CREDS");
  const nkeyFile = natsNkey ?? (credsFile === undefined ? other("NATS_NKEY") : undefined);
  const token = checkSecret("--nats-token", natsToken ?? other("NATS_TOKEN"));
  const user = natsUser ?? other("NATS_USER");
  const password = checkSecret("--nats-password", natsPassword ?? other("NATS_PASSWORD"));
  const caCert = values.natsCa ?? (read("NATS_CA") || undefined);
  return defined({ servers, credsFile, nkeyFile, token, user, password, caCert });
}

/** A variable of the environment, where it may be read. */
function readVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

async function startEmbedded(
  listen: string | undefined,
  { credsFile, nkeyFile, token, user, password }: Pick<
    BusOptions,
    "credsFile" | "nkeyFile" | "token" | "user" | "password"
  >,
): Promise<NatsServer> {
  const file = credsFile ?? nkeyFile;
  if (file !== undefined) {
    throw new UserError(
      `Cannot start a NATS server that knows ${file}: --nats ${EMBEDDED} takes a token, or a user ` +
        "and a password",
    );
  }
  return await startNatsServer(defined({ ...readListen(listen), token, user, password }));
}

/** `ADDRESS:PORT`, `ADDRESS` or `:PORT`; an IPv6 address stands in brackets. */
function readListen(
  listen: string | undefined,
): { readonly address?: string | undefined; readonly port?: number | undefined } {
  if (listen === undefined) return {};
  const match = /^(\[[\da-f:.]+\]|[\w.-]*)(?::(\d{1,5}))?$/i.exec(listen);
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (match === null || listen === "" || port !== undefined && (port < 1 || port > 65_535)) {
    throw new UserError(
      `Cannot listen on "${listen}": --nats-listen takes ADDRESS:PORT, e.g. 10.0.0.1:4222`,
    );
  }
  return { address: match[1] || undefined, port };
}

/** The address for agents: of a server that listens everywhere, this machine's name. */
function reachedAt({ url, address, port }: NatsServer): string {
  if (!/^(0\.0\.0\.0|\[?::\]?)$/.test(address)) return url;
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? `nats://${Deno.hostname()}:${port}` : url;
}
