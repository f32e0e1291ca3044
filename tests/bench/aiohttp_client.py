"""The rival of tests/bench/client.ts: an aiohttp client that does what vLLM's serving benchmark does.

One session whose connector limits nothing, `iter_any()` on the body, events cut at the blank line,
`json.loads` on every event, one stamp for all events of a chunk, text and gaps kept per request.
Beyond that it keeps, for each token, the moment that the server wrote into the event (`t`).

    python3 aiohttp_client.py PORT STREAMS REQUESTS TOKENS QUERY RAMP_MS WARMUP_REQUESTS

Prints one JSON line; errors are receipt minus departure in milliseconds.
"""

import asyncio
import json
import resource
import sys
import time

import aiohttp

BODY_FIELDS = {
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "prompt": "The quick brown fox jumps over the lazy dog",
    "temperature": 0,
    "stream": True,
    "stream_options": {"include_usage": True},
}


class Answer:
    """What is kept of one request."""

    def __init__(self):
        self.text = ""
        self.gaps = []
        self.sent_ms = []
        self.received_ms = []
        self.first_s = 0.0
        self.latency_s = 0.0
        self.output_tokens = 0
        self.chunks = 0
        self.error = ""


class EventCutter:
    """Collects chunks and gives back complete events."""

    def __init__(self):
        self.rest = ""

    def add(self, chunk):
        self.rest += chunk.decode("utf-8")
        events = []
        while True:
            end = self.rest.find("\n\n")
            if end < 0:
                return events
            events.append(self.rest[:end].strip())
            self.rest = self.rest[end + 2:]


async def request(session, url, tokens):
    answer = Answer()
    payload = {**BODY_FIELDS, "max_tokens": tokens}
    start = time.perf_counter()
    latest = start
    try:
        async with session.post(url=url, json=payload) as response:
            if response.status != 200:
                answer.error = response.reason or "refused"
                return answer
            cutter = EventCutter()
            async for chunk in response.content.iter_any():
                answer.chunks += 1
                for event in cutter.add(chunk):
                    if event.startswith(":"):
                        continue
                    data = event.removeprefix("data: ")
                    if data == "[DONE]":
                        continue
                    parsed = json.loads(data)
                    if choices := parsed.get("choices"):
                        text = choices[0].get("text")
                        now = time.perf_counter()
                        if answer.first_s == 0.0:
                            answer.first_s = now - start
                        else:
                            answer.gaps.append(now - latest)
                        latest = now
                        answer.text += text or ""
                        answer.received_ms.append(now * 1e3)
                        answer.sent_ms.append(parsed["t"] / 1e6)
                    elif usage := parsed.get("usage"):
                        answer.output_tokens = usage.get("completion_tokens")
            answer.latency_s = latest - start
            if answer.output_tokens != tokens:
                answer.error = f"{answer.output_tokens} tokens"
    except (aiohttp.ClientError, OSError) as error:
        answer.error = repr(error)
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
    port, streams, requests, tokens = (int(word) for word in sys.argv[1:5])
    query, ramp_ms, warmup = sys.argv[5], float(sys.argv[6]), int(sys.argv[7])
    base = f"http://127.0.0.1:{port}/v1/completions?"
    connector = aiohttp.TCPConnector(
        limit=0, limit_per_host=0, ttl_dns_cache=300, keepalive_timeout=60,
        enable_cleanup_closed=True, force_close=False,
    )
    timeout = aiohttp.ClientTimeout(total=6 * 60 * 60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
        for _ in range(warmup):
            await request(session, base + "x=1", 50)
        start = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF)

        async def user(number):
            if ramp_ms:
                due = start + number * ramp_ms / streams / 1e3
                await asyncio.sleep(max(0, due - time.perf_counter()))
            return [await request(session, base + query, tokens) for _ in range(requests)]

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
        "reads": sum(answer.chunks for answer in flat),
        "all": errors(flat),
        "warm": errors([answer for mine in answers for answer in mine[1:]]),
        "failures": sum(answer.error != "" for answer in flat),
        "peakMiB": peak_mib(),
    }))


asyncio.run(main())
