/**
 * Where `--transport auto` may not take `fetch`, whatever the load.
 *
 * @module
 */
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { isProxied } from "./server_proxy.ts";

/** Ports that browsers do not connect to, nor does `fetch`: the list of the Fetch Standard. */
const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101],
  ...[
    102,
    103,
    104,
    109,
    110,
    111,
    113,
    115,
    117,
    119,
    123,
    135,
    137,
    139,
    143,
    161,
    179,
    389,
    427,
  ],
  ...[
    465,
    512,
    513,
    514,
    515,
    526,
    530,
    531,
    532,
    540,
    548,
    554,
    556,
    563,
    587,
    601,
    636,
    989,
    990,
  ],
  ...[993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667],
  ...[6668, 6669, 6679, 6697, 10080],
]);

/**
 * Why `fetch` cannot carry this plan as well as others can, as one clause; `undefined` = it can.
 * With `--ca-cert` the certificate may be the server's own, which `fetch` does not take where it is an
 * authority's, as `openssl req -x509` makes it.
 */
export function whyNotFetch(
  plan: Pick<BenchPlan, "url" | "urls" | "insecure" | "proxyLocal" | "caCert">,
): string | undefined {
  if (plan.insecure) return "fetch accepts no certificate unchecked";
  return serversOf(plan).map(({ url }) => whyNotTo(url, plan)).find((why) => why !== undefined);
}

function whyNotTo(
  url: string,
  { caCert, proxyLocal }: Pick<BenchPlan, "proxyLocal" | "caCert">,
): string | undefined {
  const { port, protocol } = URL.parse(url) ?? {};
  // Only fetch knows proxies.
  if (isProxied(url, { proxyLocal })) return undefined;
  if (port !== undefined && port !== "" && BLOCKED_PORTS.has(Number(port))) {
    return `fetch does not connect to port ${port}`;
  }
  return caCert !== undefined && protocol === "https:"
    ? "fetch may not take the certificate in --ca-cert"
    : undefined;
}
