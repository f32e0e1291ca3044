/**
 * Finds the metrics of known meaning among those that endpoints expose.
 *
 * @module
 */
import type { ServerFamily, ServerScrapes, ServerSeries } from "./run_server.ts";
import {
  SERVER_ENGINES,
  SERVER_ROLES,
  type ServerName,
  type ServerRole,
  type ServerRoleMeaning,
} from "./server_names.ts";

/** One series of known meaning. */
export interface KnownSeries {
  /** What was read of its endpoint. */
  readonly scrapes: ServerScrapes;
  /** Engine whose name it has. */
  readonly engine: string;
  /** What it means. */
  readonly meaning: ServerRoleMeaning;
  /** Its line in the list of names. */
  readonly name: ServerName;
  /** Factor from its values to our unit. */
  readonly scale: number;
  /** Its metric. */
  readonly family: ServerFamily;
  /** Its values. */
  readonly series: ServerSeries;
}

const MEANINGS = new Map(SERVER_ROLES.map((meaning) => [meaning.role, meaning]));

/** Kinds by names in the one spelling that is compared. */
const KINDS = new Map(
  SERVER_ENGINES.flatMap(({ names }) =>
    names.flatMap(({ names, role }) =>
      names.map((name) => [spelling(name), meaningOf(role).kind] as const)
    )
  ),
);

/** What a role means. */
export function meaningOf(role: ServerRole): ServerRoleMeaning {
  return MEANINGS.get(role)!;
}

/** The kind of a metric of that name; `undefined` = its meaning is not known. */
export function knownKind(name: string): ServerRoleMeaning["kind"] | undefined {
  return KINDS.get(spelling(name));
}

/**
 * All series of known meaning, by the order of roles. Each endpoint gives a role once: by the first line of
 * the list that it has.
 */
export function knownSeries(scrapes: readonly ServerScrapes[]): readonly KnownSeries[] {
  const found = scrapes.flatMap(ofEndpoint);
  return SERVER_ROLES.flatMap(({ role }) => found.filter(({ meaning }) => meaning.role === role));
}

function ofEndpoint(scrapes: ServerScrapes): readonly KnownSeries[] {
  const families = new Map(scrapes.families.map((family) => [spelling(family.name), family]));
  const taken = new Set<ServerRole>();
  const found: KnownSeries[] = [];
  for (const { engine, names } of SERVER_ENGINES) {
    for (const name of names) {
      if (taken.has(name.role)) continue;
      const listed = name.names.flatMap((one) => families.get(spelling(one)) ?? []);
      const chosen = name.added === true ? listed : listed.slice(0, 1);
      const meaning = meaningOf(name.role);
      const { scale = 1 } = name;
      const series = busiestStage(
        chosen.flatMap((family) =>
          family.series.filter(({ labels }) => isMeant(labels, name))
            .map((series): KnownSeries => ({
              ...{ scrapes, engine, meaning, name, scale, family, series },
            }))
        ),
        name,
      );
      if (series.length === 0) continue;
      taken.add(name.role);
      found.push(...series);
    }
  }
  return found;
}

/** Of stages that count the same, those series of the one that counted most. */
function busiestStage(
  known: readonly KnownSeries[],
  { stages }: ServerName,
): readonly KnownSeries[] {
  if (stages === undefined) return known;
  const groups = [...Map.groupBy(known, ({ series }) => series.labels[stages] ?? "").values()];
  const counted = (group: readonly KnownSeries[]) =>
    group.reduce((sum, { series }) => sum + (series.difference ?? 0), 0);
  return groups.reduce(
    (most, group) => counted(group) > counted(most) ? group : most,
    groups[0] ?? [],
  );
}

function isMeant(labels: Readonly<Record<string, string>>, { where = {} }: ServerName): boolean {
  return Object.entries(where).every(([label, value]) => (labels[label] ?? value) === value);
}

/** Some collectors allow no `:` in names, and some libraries leave `_total` out. */
function spelling(name: string): string {
  return name.replaceAll(":", "_").replace(/_total$/, "");
}
