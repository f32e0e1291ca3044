import { assertEquals } from "@std/assert";
import { adviceFor, type AdviceQuestion } from "../metrics/check_advice.ts";
import { createHeader } from "./support/create_run.ts";

interface Case {
  readonly header?: Partial<Omit<AdviceQuestion["header"], "environment">>;
  readonly environment?: Partial<AdviceQuestion["header"]["environment"]>;
  readonly load?: Partial<AdviceQuestion["load"]>;
  readonly answerMs?: number;
}

/** Advice for 64 users started over time, over fetch, to another machine, on two cores of Linux. */
function ask({ header, environment, load, answerMs }: Case = {}): readonly string[] {
  const { environment: machine, ...rest } = createHeader({ transport: "fetch", workers: 1 });
  return adviceFor({
    header: {
      ...rest,
      url: "http://10.0.0.1:8000",
      ...header,
      environment: { ...machine, os: "linux", cores: 2, ...environment },
    },
    load: { label: "64 users", kind: "closed", users: 64, rampUpMs: 700, ...load },
    ...(answerMs === undefined ? {} : { answerMs }),
  });
}

const LESS = "lower the load of 64 users, or split it over several client machines";
const SOCKET = "use --transport socket, which costs less per read";
const EPOLL = "use --transport epoll, whose arrivals the kernel stamps";

Deno.test("adviceFor names epoll only where it can be had", () => {
  assertEquals(ask({ environment: { ffi: true } }), [EPOLL, LESS]);
  assertEquals(ask(), [`give the program --allow-ffi and ${EPOLL}`, LESS]);
  assertEquals(ask({ environment: { ffi: false } }), [SOCKET, LESS]);
  assertEquals(ask({ environment: { ffi: true, os: "darwin" } }), [SOCKET, LESS]);
  const tls = { url: "https://10.0.0.1" };
  assertEquals(ask({ header: tls, environment: { ffi: true } }), [SOCKET, LESS]);
  assertEquals(ask({ header: { proxied: true }, environment: { ffi: true } }), [LESS]);
});

Deno.test("adviceFor names none that auto could have taken", () => {
  const auto = (transport: string, ffi: boolean | undefined, rest: object = {}) =>
    ask({
      header: { transport, transportChoice: { why: "enough", calibrated: false }, ...rest },
      environment: ffi === undefined ? {} : { ffi },
    });
  const CALIBRATE =
    "run tokometer calibrate once: --transport auto then goes by what this machine carries";
  assertEquals(auto("fetch", true), [CALIBRATE, LESS]);
  assertEquals(auto("fetch", false), [CALIBRATE, LESS]);
  assertEquals(auto("fetch", true, { transportChoice: { why: "enough", calibrated: true } }), [
    LESS,
  ]);
  assertEquals(auto("grpc", true, { url: "grpc://10.0.0.1" }), [CALIBRATE, LESS]);
  assertEquals(auto("socket", true), [LESS]);
  const permission =
    "give the program --allow-ffi, so that auto can take epoll, whose arrivals the kernel stamps";
  assertEquals([auto("fetch", undefined), auto("socket", undefined)], [[permission, LESS], [
    permission,
    LESS,
  ]]);
});

Deno.test("adviceFor names no transport that was taken, or that carries something else", () => {
  const over = (transport: string, url = "http://10.0.0.1:8000") =>
    ask({ header: { transport, url }, environment: { ffi: true } });
  assertEquals(over("socket"), [EPOLL, LESS]);
  assertEquals(over("socket", "https://10.0.0.1"), [LESS]);
  assertEquals(over("epoll"), [LESS]);
  const grpc = "grpc://10.0.0.1:8001";
  assertEquals(over("grpc", grpc), [
    "use --transport grpc-socket, which costs less per read",
    LESS,
  ]);
  assertEquals(over("grpc-socket", grpc), [LESS]);
  assertEquals(over("inprocess", "/models/tiny"), [LESS]);
});

Deno.test("adviceFor names threads only where cores are free for them", () => {
  const threads = (workers: number, cores: number, effectiveCores?: number, users = 64) =>
    ask({
      header: { transport: "epoll", workers },
      environment: { cores, ...(effectiveCores === undefined ? {} : { effectiveCores }) },
      load: { users },
    }).filter((line) => line.includes("--workers"));
  assertEquals(threads(0, 2), ["read on a thread of its own (--workers 1)"]);
  assertEquals(threads(0, 1), []);
  assertEquals(threads(1, 2), []);
  assertEquals(threads(1, 3), ["use --workers 2"]);
  assertEquals(threads(2, 3), []);
  // Pinned, or in a container with a quota.
  assertEquals(threads(1, 64, 2), []);
  assertEquals(threads(0, 64, 0.5), []);
  assertEquals(threads(1, 64, 2.5), []);
  assertEquals(threads(1, 64, 3), ["use --workers 2"]);
  // A user is on one thread.
  assertEquals(threads(1, 64, 64, 1), []);
  assertEquals(
    ask({ header: { transport: "inprocess", url: "x" }, environment: { cores: 64 } }),
    [LESS],
  );
});

Deno.test("adviceFor spreads the start of users who began at once", () => {
  const spread = (load: Case["load"], answerMs?: number) =>
    ask({ load: { ...load }, ...(answerMs === undefined ? {} : { answerMs }) })
      .filter((line) => line.includes("--ramp-up"));
  const advice = "spread the start of the users over the length of an answer (--ramp-up ";
  assertEquals(spread({ rampUpMs: 0 }), [`${advice}SECONDS)`]);
  assertEquals(spread({ rampUpMs: 0 }, 1684), [`${advice}1.7)`]);
  assertEquals(spread({ rampUpMs: 1 }), []);
  assertEquals(spread({ rampUpMs: 0, users: 4 }), []);
  assertEquals(ask({ load: { rampUpMs: 0 } })[0], `${advice}SECONDS)`);
  const open: AdviceQuestion["load"] = { label: "8 req/s", kind: "open" };
  assertEquals(
    adviceFor({ header: createHeader(), load: open }).join().includes("--ramp-up"),
    false,
  );
});

Deno.test("adviceFor: a local server could be left alone, one user cannot be split", () => {
  const away = "run the client on another machine than the server";
  for (const host of ["127.0.0.1:1", "localhost", "[::1]:1"]) {
    const header = { url: `http://${host}`, transport: "epoll" };
    assertEquals(ask({ header, load: { users: 1 } }), [away], host);
    assertEquals(ask({ header }), [away, LESS], host);
  }
  assertEquals(ask({ header: { url: "grpc://localhost:1", transport: "grpc-socket" } })[0], away);
  assertEquals(ask({ header: { transport: "epoll" }, load: { users: 1 } }), []);
});
