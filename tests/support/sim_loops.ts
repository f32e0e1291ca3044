/**
 * The loops that a simulated server can stand on, for tests that must hold on each of them.
 *
 * @module
 */
import { systemClock } from "../../backends/clock.ts";
import type { SimLoop } from "../../backends/sim_loop.ts";
import { epollIsPermitted, startEpollSimLoop } from "../../backends/sim_loop_epoll.ts";
import { platformLoop } from "../../backends/sim_loop_platform.ts";

/** Runs a test once on each loop, skipped by name where there is none of the kind. */
export function testOnLoops(name: string, fn: (loop: SimLoop) => Promise<void>): void {
  Deno.test(`${name} (platform)`, () => fn(platformLoop(systemClock)));
  Deno.test({
    name: `${name} (epoll)`,
    ignore: !epollIsPermitted(),
    async fn() {
      // The test and its client live on the platform's loop, in this very thread.
      const loop = startEpollSimLoop({ platformTurnMs: 0.2 });
      try {
        await fn(loop);
      } finally {
        await loop.close();
      }
    },
  });
}
