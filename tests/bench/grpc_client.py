"""The rival of tests/bench/grpc.ts: a load client on grpc.aio, as one would write it.

One channel, one coroutine a user, `async for` over the messages, each decoded by the generated
classes; text, gaps and the status of the call are kept. Beyond that it keeps, for each token, the
moment that the server wrote into the message (`id`).

    python3 grpc_client.py GENERATED_FOLDER PORT STREAMS REQUESTS TOKENS RAMP_MS WARMUP_REQUESTS

Prints one JSON line; errors are receipt minus departure in milliseconds.
"""

import asyncio
import json
import resource
import sys
import time

import grpc

sys.path.insert(0, sys.argv[1])
import ppl_pb2  # noqa: E402
import ppl_pb2_grpc  # noqa: E402

# Of the server: a request with this id is answered as fast as it goes.
WARMUP_ID = 2


class Answer:
    """What is kept of one request."""

    def __init__(self):
        self.text = ""
        self.gaps = []
        self.sent_ms = []
        self.received_ms = []
        self.first_s = 0.0
        self.latency_s = 0.0
        self.finished = False
        self.messages = 0
        self.error = ""


async def request(stub, tokens, request_id):
    answer = Answer()
    one = ppl_pb2.Request(id=request_id, prompt="The quick brown fox jumps over the lazy dog")
    one.stopping_parameters.max_new_tokens = tokens
    one.stopping_parameters.ignore_eos_token = True
    start = time.perf_counter()
    latest = start
    try:
        call = stub.Generation(ppl_pb2.BatchedRequest(req=[one]))
        async for batch in call:
            now = time.perf_counter()
            answer.messages += 1
            for response in batch.rsp:
                if answer.first_s == 0.0:
                    answer.first_s = now - start
                else:
                    answer.gaps.append(now - latest)
                latest = now
                answer.text += response.generated
                answer.finished = response.status == ppl_pb2.FINISHED
                answer.received_ms.append(now * 1e3)
                answer.sent_ms.append(response.id / 1e6)
        code = await call.code()
        answer.latency_s = latest - start
        if code != grpc.StatusCode.OK:
            answer.error = str(code)
        elif not answer.finished or len(answer.received_ms) != tokens:
            answer.error = f"{len(answer.received_ms)} tokens"
    except grpc.aio.AioRpcError as error:
        answer.error = str(error.code())
    return answer


def quantile(values, share):
    return values[int(share * (len(values) - 1))] if values else None


def errors(answers):
    late = sorted(
        received - sent
        for answer in answers
        for received, sent in zip(answer.received_ms, answer.sent_ms)
    )
    return {"p50": quantile(late, 0.5), "p99": quantile(late, 0.99), "max": quantile(late, 1)}


def peak_mib():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0


async def main():
    port, streams, requests, tokens = (int(word) for word in sys.argv[2:6])
    ramp_ms, warmup = float(sys.argv[6]), int(sys.argv[7])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = ppl_pb2_grpc.LLMServiceStub(channel)
        for _ in range(warmup):
            await request(stub, 50, WARMUP_ID)
        start = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF)

        async def user(number):
            if ramp_ms:
                due = start + number * ramp_ms / streams / 1e3
                await asyncio.sleep(max(0, due - time.perf_counter()))
            return [await request(stub, tokens, 1) for _ in range(requests)]

        answers = await asyncio.gather(*(user(number) for number in range(streams)))
        after = resource.getrusage(resource.RUSAGE_SELF)
        wall = time.perf_counter() - start
    flat = [answer for mine in answers for answer in mine]
    received = sum(len(answer.received_ms) for answer in flat)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({
        "tokens": received,
        "requests": len(flat),
        "cpuMs": cpu * 1e3,
        "wallMs": wall * 1e3,
        "reads": sum(answer.messages for answer in flat),
        "all": errors(flat),
        "warm": errors([answer for mine in answers for answer in mine[1:]]),
        "failures": sum(answer.error != "" for answer in flat),
        "peakMiB": peak_mib(),
    }))


asyncio.run(main())
