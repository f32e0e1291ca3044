import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import http2 from "node:http2";
import { grpcTransport } from "../backends/transport_grpc.ts";
import { loadGrpc } from "../backends/grpc_load.ts";
import { grpcAnswer } from "../backends/grpc_request.ts";
import { grpcAsk } from "./support/grpc_ask.ts";
import type { GrpcCall } from "../backends/sim_grpc_call.ts";
import {
  answer,
  type GrpcBench,
  grpcContract,
  runScript,
  wire,
  withGrpcServer,
} from "./support/grpc_contract.ts";

const decoder = new TextDecoder();

grpcContract(grpcTransport);

function withServer(
  onCall: (call: GrpcCall) => void,
  use: (bench: GrpcBench) => Promise<void>,
): Promise<void> {
  return withGrpcServer(grpcTransport, onCall, use);
}

Deno.test("grpcAsk() gives the answer, or the status and its message", async () => {
  let status = 0;
  await withServer(
    (call) => status === 0 ? answer(call, "yes") : call.end(status, "no"),
    async (b) => {
      const ask = grpcAsk(b.transport, 5000);
      const yes = await ask(wire(b.origin, "?"));
      assertEquals([yes.status, decoder.decode(grpcAnswer(yes.body))], [0, "yes"]);
      status = 5;
      const no = await ask(wire(b.origin, "?"));
      assertEquals([no.status, decoder.decode(no.body)], [5, "NOT_FOUND: no"]);
      await b.server.stop();
      await assertRejects(() => ask(wire(b.origin, "?")), Error, "connection refused");
    },
  );
});

Deno.test("grpcAnswer() takes the first message, and needs a whole one", () => {
  const whole = Uint8Array.fromHex("000000000161" + "000000000162");
  assertEquals(decoder.decode(grpcAnswer(whole)), "a");
  assertEquals(grpcAnswer(new Uint8Array(5)).length, 0);
  for (const length of [0, 4, 5]) {
    assertThrows(() => grpcAnswer(whole.subarray(0, length)), SyntaxError, `${length} bytes`);
  }
});

Deno.test("grpc leaves turns to others while messages flood in", async () => {
  let inTurn = 0;
  let most = 0;
  let over = false;
  const turn = () => {
    inTurn = 0;
    if (!over) setImmediate(turn);
  };
  const onCall = (call: GrpcCall) => {
    call.sendRaw(new Uint8Array(5 * 20_000));
    call.end(0);
  };
  await withServer(onCall, async ({ send }) => {
    setImmediate(turn);
    const { end, body } = await send("", {
      onRead: () => void (most = Math.max(most, ++inTurn)),
    });
    over = true;
    assertEquals([end, body.length], [{ kind: "complete" }, 5 * 20_000]);
  });
  assert(most > 1 && most < 2000, `${most} messages without a turn`);
});

Deno.test("grpc does not wait for a message that is too large", async () => {
  const onCall = (call: GrpcCall) => call.sendRaw(Uint8Array.fromHex("00ffffffff01"));
  await withServer(onCall, async ({ send }) => {
    const { end } = await send("", { maxBytes: 4096 });
    const message = "an event is larger than 1 KiB (--max-answer 4 KiB / 4)";
    assertEquals(end, { kind: "malformed", message });
  });
});

Deno.test("grpc names the missing permission", async () => {
  const { code, stderr } = await runScript(
    `import { grpcTransport } from "ROOT/backends/transport_grpc.ts";
     import { systemClock } from "ROOT/backends/clock.ts";
     grpcTransport.open({ clock: systemClock });`,
    { flags: ["--allow-net", "--allow-import"] },
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "NotCapable: Cannot load the gRPC library");
  assertStringIncludes(stderr, "--allow-env");
});

Deno.test("loadGrpc() makes sessions close a turn late", async () => {
  await loadGrpc();
  await withServer((call) => answer(call), async ({ server }) => {
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const closed = new Promise<void>((resolve) => session.close(resolve));
    assertEquals(session.closed, false);
    await closed;
    assertEquals(session.closed, true);
  });
});
