/**
 * Many due times, one timer: a heap of entries and a single wait for the earliest of them.
 *
 * @module
 */
import { aborted, type Clock, nextTurn } from "./clock.ts";
import type { SimLoop } from "./sim_loop.ts";

/** Something to do at an instant. */
export interface TimelineEntry {
  /** Milliseconds of the timeline's clock. */
  dueMs: number;
  /** Called at or after `dueMs`; returns the next due time to stay in the timeline. */
  fire(): number | undefined;
  /** Maintained by the timeline. */
  heapIndex: number;
}

/** Fires entries in the order of their due times, late ones at once. */
export interface Timeline {
  readonly clock: Clock;
  add(entry: TimelineEntry): void;
  /** Nothing happens when the entry is not waiting. */
  remove(entry: TimelineEntry): void;
  /** Calls `action` once at `dueMs`; returns a function that cancels it. */
  at(dueMs: number, action: () => void): () => void;
  /** Entries waiting. */
  readonly size: number;
  /** Forgets all entries; resolves when nothing of the timeline is under way. */
  stop(): Promise<void>;
}

/**
 * Entries fired per event-loop turn: even when every stream is due at once, or the machine cannot
 * keep up, new requests and closed connections must be noticed.
 */
const FIRES_PER_TURN = 128;

/** Opens a timeline that runs until it is stopped. */
export function openTimeline(
  { clock, addTimers, nextTurn: turn = nextTurn }: {
    readonly clock: Clock;
    readonly addTimers?: SimLoop["addTimers"];
    readonly nextTurn?: SimLoop["nextTurn"];
  },
): Timeline {
  const heap: TimelineEntry[] = [];
  let wake = new AbortController();
  let waitingForMs = Infinity;
  let stopped = false;

  function add(entry: TimelineEntry): void {
    if (stopped) return;
    entry.heapIndex = heap.length;
    heap.push(entry);
    siftUp(heap, entry.heapIndex);
    if (entry.dueMs < waitingForMs) wake.abort();
  }

  function remove(entry: TimelineEntry): void {
    const index = entry.heapIndex;
    if (heap[index] !== entry) return;
    entry.heapIndex = -1;
    const last = heap.pop()!;
    if (last === entry) return;
    last.heapIndex = index;
    heap[index] = last;
    siftUp(heap, index);
    siftDown(heap, last.heapIndex);
  }

  async function run(): Promise<void> {
    while (!stopped) {
      const first = heap[0];
      // Only a wait that was cut short leaves the controller aborted. A new controller per wait
      // would cost more than the write that it waits for.
      if (wake.signal.aborted) wake = new AbortController();
      waitingForMs = first?.dueMs ?? Infinity;
      // Nothing is due, or only streams that an injected fault silenced for ever.
      if (first === undefined || first.dueMs === Infinity) await aborted(wake.signal);
      else await clock.sleepUntil(first.dueMs, wake.signal);
      // Entries added while firing need no wake-up: the loop looks at the heap anyway.
      waitingForMs = -Infinity;
      if (!stopped && fireDue() > 0 && (heap[0]?.dueMs ?? Infinity) <= clock.now()) await turn();
    }
  }

  function fireDue(): number {
    let fired = 0;
    let nowMs = clock.now();
    while (fired < FIRES_PER_TURN) {
      const entry = heap[0];
      if (entry === undefined) break;
      if (entry.dueMs > nowMs && entry.dueMs > (nowMs = clock.now())) break;
      fired++;
      const nextMs = entry.fire();
      if (heap[entry.heapIndex] !== entry) continue;
      if (nextMs === undefined) remove(entry);
      else {
        entry.dueMs = nextMs;
        siftUp(heap, entry.heapIndex);
        siftDown(heap, entry.heapIndex);
      }
    }
    return fired;
  }

  const timers = { dueMs: () => heap[0]?.dueMs ?? Infinity, fire: () => void fireDue() };
  const removeTimers = addTimers?.(timers);
  // Such a loop asks for the first due time before every wait, so it needs no wake-up.
  if (removeTimers !== undefined) waitingForMs = -Infinity;
  const running = removeTimers === undefined ? run() : Promise.resolve();
  return {
    clock,
    add,
    remove,
    at(dueMs, action) {
      const entry: TimelineEntry = {
        dueMs,
        heapIndex: -1,
        fire: () => {
          remove(entry);
          action();
          return undefined;
        },
      };
      add(entry);
      return () => remove(entry);
    },
    get size() {
      return heap.length;
    },
    async stop() {
      stopped = true;
      heap.length = 0;
      removeTimers?.();
      wake.abort();
      await running;
    },
  };
}

function siftUp(heap: TimelineEntry[], start: number): void {
  let index = start;
  const entry = heap[index]!;
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above]!;
    if (parent.dueMs <= entry.dueMs) break;
    heap[index] = parent;
    parent.heapIndex = index;
    index = above;
  }
  heap[index] = entry;
  entry.heapIndex = index;
}

function siftDown(heap: TimelineEntry[], start: number): void {
  let index = start;
  const entry = heap[index]!;
  for (;;) {
    let below = 2 * index + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && heap[below + 1]!.dueMs < heap[below]!.dueMs) below++;
    const child = heap[below]!;
    // Moves past equal entries, so that streams due at the same instant alternate.
    if (child.dueMs > entry.dueMs) break;
    heap[index] = child;
    child.heapIndex = index;
    index = below;
  }
  heap[index] = entry;
  entry.heapIndex = index;
}
