import { assertEquals } from "@std/assert";
import { H2Stream, type StreamEnd } from "../backends/h2_connection.ts";
import { H2Pool } from "../backends/h2_pool.ts";
import type { SocketEvents } from "../backends/socket_events.ts";
import { FakeClock } from "./support/fake_clock.ts";

const ORIGIN = {
  ...{ host: "127.0.0.1", port: 1, secure: false, caCert: undefined, insecure: false },
};

class Silent extends H2Stream {
  readonly block = new Uint8Array(0);
  readonly body = Uint8Array.of(0);
  readonly ends: string[] = [];
  override onFields(): void {}
  override onData(): void {}
  override onReadEnd(): void {}
  override onEnd(_atMs: number, { kind }: StreamEnd): void {
    this.ends.push(kind);
  }
}

Deno.test("H2Pool.closed() of a connection that is gone already leaves the others alone", () => {
  const lines: SocketEvents[] = [];
  let freed = 0;
  const pool = new H2Pool(ORIGIN, {
    clock: new FakeClock(),
    openSocket: (_origin, events) => {
      lines.push(events);
      return { writableLength: 0, write() {}, destroy() {} };
    },
    onClosed: () => freed++,
  });
  const stream = new Silent();
  pool.carry(stream);
  assertEquals([lines.length, pool.size], [1, 1]);
  lines[0]!.onError("ECONNREFUSED");
  lines[0]!.onClose();
  assertEquals([pool.size, freed, stream.ends], [0, 1, ["unreachable"]]);

  const later = new Silent();
  pool.carry(later);
  assertEquals([lines.length, pool.size], [2, 1]);
  lines[0]!.onClose();
  assertEquals([pool.size, freed, later.ends], [1, 1, []]);
});
