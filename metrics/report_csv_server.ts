/**
 * Columns of the CSV report about the server's own side.
 *
 * @module
 */
import type { ServerFigure, ServerSummary, TimePart } from "./load_server.ts";
import type { LoadSummary } from "./load_summary.ts";
import { SERVER_ROLES, type ServerRoleMeaning } from "./server_names.ts";

type Value = string | number | boolean | undefined;

/** Header cell and where its value comes from. */
type ServerColumn = readonly [name: string, (load: LoadSummary) => Value];

const PARTS: readonly TimePart["name"][] = [
  "client",
  "connect",
  "network",
  "queue",
  "prefill",
  "rest",
];

/** The same columns for every run, empty where nothing is known. */
export function serverColumns(): readonly ServerColumn[] {
  return [
    ["ttft_split_basis", ({ timeSplit }) => timeSplit?.basis],
    ["ttft_split_requests", ({ timeSplit }) => timeSplit?.requests],
    ["ttft_split_mean_ms", ({ timeSplit }) => timeSplit?.ttftMs],
    ...PARTS.map((name): ServerColumn => [
      `ttft_${name}_mean_ms`,
      ({ timeSplit }) => timeSplit?.parts.find((part) => part.name === name)?.meanMs,
    ]),
    ["server_scrapes", sumOf(({ endpoints }) => endpoints.map(({ scrapes }) => scrapes))],
    ["server_scrapes_failed", sumOf(({ endpoints }) => endpoints.map(({ failed }) => failed))],
    ["server_resets", sumOf(({ endpoints }) => endpoints.map(({ resets }) => resets))],
    ...SERVER_ROLES.flatMap(roleColumns),
    [
      "server_used_by_others",
      ({ serverCounts }) =>
        serverCounts.length === 0 ? undefined : serverCounts.some(({ others }) => others),
    ],
    ["speculation_basis", ({ speculation }) => speculation?.basis],
    ["speculation_accepted_length", ({ speculation }) => speculation?.acceptedLength],
    ["speculation_acceptance", ({ speculation }) => speculation?.acceptance],
  ];
}

/** What a name of a column has behind it for a unit; counts of things and shares have nothing. */
export function unitEnding(unit: string): string {
  return ["ms", "MiB", "W", "J"].includes(unit) ? `_${unit.toLowerCase()}` : "";
}

/** A gauge has its mean and its largest value, a histogram its mean and its count, a counter its rise. */
function roleColumns({ role, kind, unit }: ServerRoleMeaning): readonly ServerColumn[] {
  const end = unitEnding(unit);
  const of =
    (value: (figure: ServerFigure) => number | undefined) =>
    ({ server }: LoadSummary): number | undefined => {
      const figure = server?.figures.find((one) => one.role === role);
      return figure === undefined ? undefined : value(figure);
    };
  switch (kind) {
    case "gauge":
      return [
        [`server_${role}_mean${end}`, of(({ mean }) => mean)],
        [`server_${role}_max${end}`, of(({ max }) => max)],
      ];
    case "counter":
      return [[`server_${role}${end}`, of(({ difference }) => difference)]];
    case "histogram":
      return [
        [`server_${role}_mean${end}`, of(({ mean }) => mean)],
        [`server_${role}_count`, of(({ count }) => count)],
      ];
  }
}

function sumOf(of: (server: ServerSummary) => readonly number[]): ServerColumn[1] {
  return ({ server }) =>
    server === undefined ? undefined : of(server).reduce((sum, value) => sum + value, 0);
}
