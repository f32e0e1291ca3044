/**
 * The agents of a run come together: each has one number, by the rank that what started it gave it, else by
 * the order of coming.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { FLEET_PROTOCOL, type Hello } from "./fleet_messages.ts";
import { VERSION } from "./version.ts";

/** What an agent is answered before there is a plan. */
export type GatherAnswer =
  | { readonly kind: "wait"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string };

interface Come {
  readonly hello: Hello;
  heardMs: number;
}

/** Where an agent runs, for people. */
export function agentText({ hostname, pid }: Pick<Hello, "hostname" | "pid">): string {
  return hostname === undefined ? `process ${pid}` : visibleLine(hostname);
}

/** Why an agent of another version cannot take part; absent = it can. */
export function whyOtherVersion(
  { protocol, version }: Pick<Hello, "protocol" | "version">,
): string | undefined {
  if (version === VERSION && protocol === FLEET_PROTOCOL) return undefined;
  return version === VERSION
    ? `it speaks version ${protocol} of a fleet's messages, its leader ${FLEET_PROTOCOL}`
    : `it is version ${visibleLine(version)}, its leader ${VERSION}: give both the same`;
}

/** Collects agents until there are enough. */
export class Gathering {
  readonly #agents: number;
  readonly #lostMs: number;
  readonly #come = new Map<string, Come>();

  /** @param lostMs an agent that has not asked for so long is forgotten. */
  constructor({ agents, lostMs }: { readonly agents: number; readonly lostMs: number }) {
    this.#agents = agents;
    this.#lostMs = lostMs;
  }

  /** How many are there. */
  get size(): number {
    return this.#come.size;
  }

  /** Forgets those who went away. */
  forget(nowMs: number): void {
    for (const [id, { heardMs }] of this.#come) {
      if (nowMs - heardMs > this.#lostMs) this.#come.delete(id);
    }
  }

  /** An agent asks; one that is `refused` must not ask again. */
  hear(hello: Hello, nowMs: number): GatherAnswer {
    const version = whyOtherVersion(hello);
    if (version !== undefined) return { kind: "refused", why: version };
    const known = this.#come.get(hello.agent);
    if (known !== undefined) {
      known.heardMs = nowMs;
      return this.#wait();
    }
    const { rank } = hello;
    if (rank !== undefined) {
      if (rank >= this.#agents) {
        return {
          kind: "refused",
          why: `its rank is ${rank}, and the run has ${plural(this.#agents, "agent")}, ` +
            `ranks 0 to ${this.#agents - 1}`,
        };
      }
      const same = [...this.#come.values()].find((one) => one.hello.rank === rank);
      if (same !== undefined) {
        const { hello: { pid } } = same;
        return {
          kind: "refused",
          why: `rank ${rank} is taken by ${agentText(same.hello)} (process ${pid})`,
        };
      }
    }
    if (this.#come.size >= this.#agents) {
      return { kind: "wait", why: `the run has its ${plural(this.#agents, "agent")}` };
    }
    this.#come.set(hello.agent, { hello, heardMs: nowMs });
    return this.#wait();
  }

  /** All agents by their numbers; absent = some are still to come. */
  complete(): readonly Hello[] | undefined {
    if (this.#come.size < this.#agents) return undefined;
    const hellos = [...this.#come.values()].map(({ hello }) => hello);
    const seats: (Hello | undefined)[] = new Array(this.#agents).fill(undefined);
    for (const hello of hellos) if (hello.rank !== undefined) seats[hello.rank] = hello;
    const others = hellos.filter(({ rank }) => rank === undefined).values();
    return seats.map((hello) => hello ?? others.next().value!);
  }

  #wait(): GatherAnswer {
    return {
      kind: "wait",
      why: `${this.#come.size} of ${plural(this.#agents, "agent")} are there`,
    };
  }
}
