/**
 * Whether the environment's proxy stands between this client and the server: only some transports
 * know proxies.
 *
 * @module
 */
import { LOCAL_ADDRESSES } from "../backends/local_address.ts";

/** Reads a variable; `undefined` when it is not set, or may not be read. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * Whether requests to that address go through a proxy of the environment, by the rules of Deno's
 * `fetch` and of gRPC's library. Never asks for a permission: a variable that may not be read counts
 * as not set.
 *
 * @param proxyLocal `--proxy-local`: for local addresses, too.
 */
export function isProxied(
  url: string,
  { proxyLocal, read = readPermitted }: {
    readonly proxyLocal: boolean;
    readonly read?: ReadVariable;
  },
): boolean {
  const [, scheme] = /^(https?|grpcs?):\/\//i.exec(url) ?? [];
  // URL knows no default rules for grpc:, so the host is read as http's.
  const server = URL.parse(url.replace(/^grpc/i, "http"));
  if (scheme === undefined || server === null) return false;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const names = VARIABLES[scheme.toLowerCase()]!;
  // Of two spellings Deno takes the upper one.
  const valueOf = (name: string) => read(name.toUpperCase()) || read(name);
  if (names.every((name) => !valueOf(name))) return false;
  if (!proxyLocal && isExempt(host, LOCAL_ADDRESSES)) return false;
  const exempt = scheme.startsWith("grpc") ? valueOf("no_grpc_proxy") : undefined;
  return !isExempt(host, (exempt ?? valueOf("no_proxy") ?? "").split(","));
}

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
