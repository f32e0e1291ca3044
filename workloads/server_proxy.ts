/**
 * Which proxy of the environment stands between this client and the server: only some transports
 * know proxies.
 *
 * @module
 */
import type { Outcome } from "../backends/record.ts";
import { LOCAL_ADDRESSES } from "../backends/local_address.ts";

/** Reads a variable; `undefined` when it is not set, or may not be read. */
export type ReadVariable = (name: string) => string | undefined;

/** A proxy of the environment. */
export interface Proxy {
  /** `host:port`, without a name or a password. */
  readonly address: string;
  /** The variable that sets it. */
  readonly variable: string;
}

/** Whose proxy is looked for. */
interface ProxyOptions {
  /** `--proxy-local`: for local addresses, too. */
  readonly proxyLocal: boolean;
  readonly read?: ReadVariable;
}

/** Transports that go through a proxy of the environment. */
const KNOW_PROXIES: readonly string[] = ["fetch", "grpc"];

/** The proxy that requests over this transport go through; absent = none. */
export function proxyOver(
  transport: string,
  { url, proxyLocal }: { readonly url: string; readonly proxyLocal: boolean },
): Proxy | undefined {
  return KNOW_PROXIES.includes(transport) ? findProxy(url, { proxyLocal }) : undefined;
}

/** Whether requests to that address go through a proxy of the environment: {@linkcode findProxy}. */
export function isProxied(url: string, options: ProxyOptions): boolean {
  return findProxy(url, options) !== undefined;
}

/** Statuses with which proxies say that they, and not the server, refuse. */
const PROXY_STATUSES: readonly number[] = [407, 502, 503, 504];

/**
 * What is to be said where it may be the proxy that refused, a sentence without a period; absent where
 * it is not.
 */
export function proxyRefusal(outcome: Outcome, proxy: Proxy | undefined): string | undefined {
  if (proxy === undefined) return undefined;
  const refused = outcome.kind === "connect_error" || outcome.kind === "timeout" ||
    outcome.kind === "http_error" && PROXY_STATUSES.includes(outcome.status);
  if (!refused) return undefined;
  return `it went through the proxy ${proxy.address} of the environment (${proxy.variable}), which ` +
    "may be what refuses; NO_PROXY=HOST goes past it";
}

/**
 * The proxy of the environment through which requests to that address go, by the rules of Deno's
 * `fetch` and of gRPC's library. Never asks for a permission: a variable that may not be read counts
 * as not set.
 */
export function findProxy(
  url: string,
  { proxyLocal, read = readPermitted }: ProxyOptions,
): Proxy | undefined {
  const [, scheme] = /^(https?|grpcs?):\/\//i.exec(url) ?? [];
  // URL knows no default rules for grpc:, so the host is read as http's.
  const server = URL.parse(url.replace(/^grpc/i, "http"));
  if (scheme === undefined || server === null) return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const names = VARIABLES[scheme.toLowerCase()]!;
  // Of two spellings Deno takes the upper one.
  const valueOf = (name: string) => read(name.toUpperCase()) || read(name);
  const variable = names.flatMap((name) => [name.toUpperCase(), name]).find((name) => read(name));
  if (variable === undefined) return undefined;
  if (!proxyLocal && isExempt(host, LOCAL_ADDRESSES)) return undefined;
  const exempt = scheme.startsWith("grpc") ? valueOf("no_grpc_proxy") : undefined;
  if (isExempt(host, (exempt ?? valueOf("no_proxy") ?? "").split(","))) return undefined;
  return { address: proxyAddress(read(variable)!), variable };
}

/** `host:port` of a variable's value, which may hold a password. */
function proxyAddress(value: string): string {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  // Nothing of what cannot be read is repeated.
  if (!url?.hostname) return "(its address cannot be read)";
  return `${url.hostname}:${url.port || DEFAULT_PORTS[url.protocol] || "80"}`;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  "https:": "443",
  "socks5:": "1080",
  "socks5h:": "1080",
  "socks4:": "1080",
};

const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  http: ["http_proxy", "all_proxy"],
  https: ["https_proxy", "all_proxy"],
  grpc: ["grpc_proxy", "https_proxy", "http_proxy"],
  grpcs: ["grpc_proxy", "https_proxy", "http_proxy"],
};

function readPermitted(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

/** A list of names, which stand for those below them too, addresses and ranges of IPv4. */
function isExempt(host: string, list: readonly string[]): boolean {
  return list.some((entry) => {
    const name = entry.trim().toLowerCase().replace(/^\*?\./, "");
    if (name === "") return false;
    return name === "*" || host === name || host.endsWith(`.${name}`) || isInRange(host, name);
  });
}

/** `10.1.2.3` is in `10.0.0.0/8`. */
function isInRange(host: string, range: string): boolean {
  const [base = "", bits] = range.split("/");
  const [address, first] = [ipv4(host), ipv4(base)];
  if (address === undefined || first === undefined || bits === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(address / size) === Math.floor(first / size);
}

function ipv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  return parts?.reduce((sum, part) => sum * 256 + Number(part), 0);
}
