/**
 * Finds the metrics endpoints of a run's servers, and opens what reads them.
 *
 * @module
 */
import { patientClock } from "../backends/clock.ts";
import { foreignRoot, serverRoot } from "../backends/json_request.ts";
import { isLocal } from "../backends/local_address.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { decodePercent } from "./option_secret.ts";
import type { Begun } from "./run_begin.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { askEndpoint, type Endpoint, openForScrapes } from "./scrape_ask.ts";
import { openScraper, type Scraper } from "./scrape_sampler.ts";
import { cleanMessage, withoutSecrets } from "./secret.ts";
import { withoutPassword } from "./secret_names.ts";
import { transportOptions, withTransport } from "./server_target.ts";
import { UserError } from "./user_error.ts";

/** A server that has metrics tells them at once; one that has none must not delay a run. */
const AUTO_MS = 1000;
/** Where the user named it, as long as later. */
const NAMED_MS = 10_000;
/** trtllm-serve has JSON at the first. */
const AUTO_PATHS: readonly string[] = ["/metrics", "/prometheus/metrics"];

/**
 * The endpoints of each side. Of those that the user named, one at the address of a side's server is that
 * side's; the others are of all sides.
 *
 * @throws {UserError} for a named endpoint that cannot be read.
 */
export async function findEndpoints(
  sides: readonly Pick<Begun, "plan">[],
): Promise<readonly (readonly Endpoint[])[]> {
  return await Promise.all(sides.map(async ({ plan }, side) => {
    const { serverMetrics: choice } = plan;
    if (choice === undefined) return [];
    const others = sides.filter((_, i) => i !== side).flatMap(({ plan }) => originsOf(plan));
    const own = originsOf(plan);
    const named = choice.urls.map(endpointOf).filter(({ url }) => {
      const { origin } = new URL(url);
      return own.includes(origin) || !others.includes(origin);
    });
    const usual = choice.auto ? candidatesOf(plan) : [];
    if (named.length === 0 && usual.length === 0) return [];
    const open = () => openForScrapes(transportOptions(plan), patientClock);
    return await withTransport(open, async (transport) => {
      const read = (endpoint: Endpoint, timeoutMs: number) =>
        askEndpoint(transport, endpoint, { timeoutMs });
      const [there] = await Promise.all([
        Promise.all(usual.map(async (tried) => {
          for (const endpoint of tried) {
            const answer = await read(endpoint, AUTO_MS);
            if (!("failure" in answer) && answer.text.typed > 0) return endpoint;
          }
          return undefined;
        })),
        Promise.all(named.map(async (endpoint) => {
          const answer = await read(endpoint, NAMED_MS);
          if ("failure" in answer) refuse(endpoint, answer.failure);
        })),
      ]);
      const taken = new Set(named.map(({ url }) => url));
      return [
        ...there.flatMap((one) => one === undefined || taken.has(one.url) ? [] : [one]),
        ...named,
      ];
    });
  }));
}

function refuse({ shown }: Endpoint, failure: string): never {
  throw new UserError(
    `Cannot read --server-metrics ${shown}: ${cleanMessage(failure)}; give the address of a ` +
      "Prometheus endpoint, or leave it out",
  );
}

/**
 * Opens a thread for each side that has endpoints; one that cannot be opened is told, and the run goes
 * on.
 */
export async function openScrapers(
  sides: readonly Pick<Begun, "plan">[],
  endpoints: readonly (readonly Endpoint[])[],
  { note, onScrape }: Pick<MeasureHooks, "note" | "onScrape">,
): Promise<readonly (Scraper | undefined)[]> {
  return await Promise.all(sides.map(async ({ plan }, side) => {
    if (endpoints[side]!.length === 0) return undefined;
    const opened = await openScraper(endpoints[side]!, {
      transport: transportOptions(plan),
      onNewest: onScrape,
    });
    if (typeof opened !== "string") return opened;
    note?.(`The server's metrics are not read: ${opened}`);
    return undefined;
  }));
}

/** For each server the addresses that are tried, of which the first that answers is taken. */
function candidatesOf(plan: BenchPlan): readonly (readonly Endpoint[])[] {
  const { carrier, path, name } = findProtocol(plan.protocol);
  if (carrier !== "http") return [];
  const roots = serversOf(plan).map(({ url }) => foreignRoot(url, path) ?? serverRoot(url, path));
  return [...new Set(roots)].filter((root) => !isPublicService(root))
    .map((root) =>
      [...name.startsWith("triton-") ? tritonPaths(plan, path) : [], ...AUTO_PATHS]
        .map((path) => endpointOf(root + path))
    );
}

/** Triton has its metrics at another port, and the statistics of a model at this one. */
function tritonPaths({ model = "" }: BenchPlan, path: string): readonly string[] {
  const asked = model === "" ? /^\/v2\/models\/([^/]+)/.exec(path)?.[1] : encodeURIComponent(model);
  return asked === undefined ? [] : [`/v2/models/${asked}/stats`];
}

/** Asked for by nobody, such a request may be an attack in the eyes of who runs the service. */
export function isPublicService(root: string): boolean {
  const url = URL.parse(root);
  if (url === null) return true;
  const host = url.hostname.toLowerCase();
  return url.protocol === "https:" && !isLocal(host) && !PRIVATE.test(host);
}

/** Addresses and names that are of no public network; a name without a dot is one of the own network. */
const PRIVATE = new RegExp(
  "^(10(\\.\\d+){3}|192\\.168(\\.\\d+){2}|172\\.(1[6-9]|2\\d|3[01])(\\.\\d+){2}|169\\.254(\\.\\d+){2}|" +
    "100\\.(6[4-9]|[7-9]\\d|1[01]\\d|12[0-7])(\\.\\d+){2}|\\[f[cde][0-9a-f]{2}:.*\\]|[^.:]+|" +
    ".*\\.(local|localhost|internal|intranet|lan|home\\.arpa|svc|cluster\\.local|test))$",
);

function originsOf(plan: BenchPlan): readonly string[] {
  return serversOf(plan).flatMap(({ url }) =>
    URL.parse(url.replace(/^grpc/i, "http"))?.origin ?? []
  );
}

function endpointOf(address: string): Endpoint {
  const shown = withoutSecrets(withoutPassword(address));
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { url: url.href, shown };
  url.username = url.password = "";
  const pair = `${decodePercent(username)}:${decodePercent(password)}`;
  const bytes = new TextEncoder().encode(pair);
  return { url: url.href, shown, authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}
