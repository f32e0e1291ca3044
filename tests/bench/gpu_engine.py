#!/usr/bin/env python3
"""A small OpenAI-compatible engine, to measure on a GPU where no real engine is installed.

A decoder-only transformer with random weights, made when it starts: nothing is downloaded, and the
texts mean nothing (each token is its id). What it does to the GPU is real: memory, kernels, power.
Batching is continuous in its simplest form: a request takes a free slot of a static key-value
cache, its prompt is computed between two steps, and each step makes one token for every taken slot.
Decoding is greedy; sampling parameters are accepted and change nothing.

    python3 tests/bench/gpu_engine.py [--port 8000] [--slots 64] [--context 4096] [--size 1b]
    python3 tests/bench/gpu_engine.py --device cpu --size tiny --context 512

Serves /v1/completions (a text or token ids), /v1/chat/completions, /v1/models and /health; knows
`max_tokens`, `ignore_eos`, `min_tokens`, `stream` and `stream_options.include_usage`. A text counts
as a token for every four of its bytes. Needs torch and aiohttp.

Options that it does not know are named and ignored, and `-m` means `--model`, so that Tokometer can
start it in the place of another engine:

    tokometer bench --launch vllm --launch-executable tests/bench/gpu_engine.py --model-path random
"""

import argparse
import asyncio
import dataclasses
import json
import queue
import sys
import threading
import time
import uuid

import torch
import torch.nn.functional as functional
from aiohttp import web

END_TOKEN = 2
DEFAULT_MAX_TOKENS = 16
BYTES_OF_TOKEN = 4
# Prompts computed before the tokens of those who are being served are due again.
PROMPTS_OF_STEP = 4
# The part of the cache that is read grows in strides: kernels meet few shapes.
STRIDE = 128


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a model is made of."""

    layers: int
    width: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int = 32_000

    @property
    def head_width(self):
        return self.width // self.heads


SHAPES = {
    "tiny": Shape(layers=2, width=64, heads=4, key_heads=2, inner=128),
    "1b": Shape(layers=24, width=2048, heads=16, key_heads=4, inner=5632),
}


class Model:
    """Weights, the key-value cache, and the two ways to compute."""

    def __init__(self, shape, slots, context, device, kind):
        self.shape, self.context, self.device = shape, context, device
        generator = torch.Generator(device).manual_seed(0)

        def weight(rows, columns):
            values = torch.empty(rows, columns, device=device, dtype=kind)
            return values.normal_(0, columns**-0.5, generator=generator)

        width, head = shape.width, shape.head_width
        pairs = shape.key_heads * head
        self.embedding = weight(shape.vocabulary, width)
        self.output = weight(shape.vocabulary, width)
        self.layers = [
            {
                "query_key_value": weight(width + 2 * pairs, width),
                "attended": weight(width, width),
                "gate_up": weight(2 * shape.inner, width),
                "down": weight(width, shape.inner),
            }
            for _ in range(shape.layers)
        ]
        room = (slots, shape.key_heads, context, head)
        self.keys = [torch.zeros(room, device=device, dtype=kind) for _ in range(shape.layers)]
        self.values = [torch.zeros(room, device=device, dtype=kind) for _ in range(shape.layers)]
        frequencies = 10_000 ** (-torch.arange(0, head, 2, device=device).float() / head)
        angles = torch.arange(context, device=device).float()[:, None] * frequencies
        self.cosine, self.sine = angles.cos().to(kind), angles.sin().to(kind)
        self.columns = torch.arange(context, device=device)

    def parameters(self):
        matrices = [self.embedding, self.output, *(m for one in self.layers for m in one.values())]
        return sum(matrix.numel() for matrix in matrices)

    def prompt(self, slot, ids):
        """Computes a prompt into a slot and returns the token that follows it."""
        tokens = torch.tensor([ids], device=self.device)
        places = self.columns[None, : len(ids)]

        def attend(layer, query, key, value):
            self.keys[layer][slot, :, : len(ids)] = key[0]
            self.values[layer][slot, :, : len(ids)] = value[0]
            return functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=True
            )

        return self.compute(tokens, places, attend)[0].item()

    def step(self, tokens, places):
        """One more token for the first slots, given each one's last token and its place."""
        rows = torch.arange(len(tokens), device=self.device)
        last = torch.tensor(tokens, device=self.device)
        at = torch.tensor(places, device=self.device)
        length = min(self.context, (max(places) // STRIDE + 1) * STRIDE)
        hidden = self.columns[None, :length] > at[:, None]
        groups = self.shape.heads // self.shape.key_heads
        scale = self.shape.head_width**-0.5

        def attend(layer, query, key, value):
            self.keys[layer][rows, :, at] = key[:, :, 0]
            self.values[layer][rows, :, at] = value[:, :, 0]
            keys = self.keys[layer][: len(tokens), :, :length]
            values = self.values[layer][: len(tokens), :, :length]
            # Heads that share a key are rows of one product.
            query = query.reshape(len(tokens), self.shape.key_heads, groups, -1)
            scores = (query @ keys.transpose(2, 3)).float() * scale
            scores = scores.masked_fill(hidden[:, None, None], float("-inf")).softmax(-1)
            return (scores.to(values.dtype) @ values).reshape(len(tokens), self.shape.heads, 1, -1)

        return self.compute(last[:, None], at[:, None], attend).tolist()

    def compute(self, tokens, places, attend):
        """The layers; returns the likeliest token after each row."""
        shape = self.shape
        rows, length = tokens.shape
        width, head = shape.width, shape.head_width
        pairs = shape.key_heads * head
        cosine, sine = self.cosine[places][:, None], self.sine[places][:, None]

        def turn(heads):
            one, other = heads.chunk(2, -1)
            return torch.cat([one * cosine - other * sine, other * cosine + one * sine], -1)

        def split(part, count):
            return part.view(rows, length, count, head).transpose(1, 2)

        stream = self.embedding[tokens]
        for layer, weights in enumerate(self.layers):
            seen = functional.rms_norm(stream, (width,))
            query, key, value = functional.linear(seen, weights["query_key_value"]).split(
                [width, pairs, pairs], -1
            )
            attended = attend(
                layer,
                turn(split(query, shape.heads)),
                turn(split(key, shape.key_heads)),
                split(value, shape.key_heads),
            )
            attended = attended.transpose(1, 2).reshape(rows, length, width)
            stream = stream + functional.linear(attended, weights["attended"])
            seen = functional.rms_norm(stream, (width,))
            gate, up = functional.linear(seen, weights["gate_up"]).chunk(2, -1)
            stream = stream + functional.linear(functional.silu(gate) * up, weights["down"])
        last = functional.rms_norm(stream[:, -1], (width,))
        return functional.linear(last, self.output).argmax(-1)


class Request:
    """One answer that is being made."""

    def __init__(self, prompt, max_tokens, min_tokens, ignore_end):
        self.prompt, self.max_tokens, self.min_tokens = prompt, max_tokens, min_tokens
        self.ignore_end = ignore_end
        # Of (token, reason to finish) pairs, or an exception.
        self.answers = asyncio.Queue()
        self.made = 0
        self.last = 0
        # The client has gone.
        self.cancelled = False

    def take(self, token):
        """Counts a token; returns why it is the last one, if it is."""
        self.made += 1
        self.last = token
        if self.made >= self.max_tokens:
            return "length"
        if token == END_TOKEN and not self.ignore_end and self.made >= self.min_tokens:
            return "stop"
        return None


class Engine:
    """The thread that computes: takes waiting requests in, makes tokens, hands them out."""

    def __init__(self, model, slots, loop):
        self.model, self.loop = model, loop
        self.waiting = queue.SimpleQueue()
        self.slots = [None] * slots
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with torch.inference_mode():
            while True:
                try:
                    self.turn()
                except Exception as error:  # noqa: BLE001: whatever it was, the clients must learn it
                    print(f"a step failed: {error}", file=sys.stderr, flush=True)
                    served = [one for one in self.slots if one is not None]
                    self.slots = [None] * len(self.slots)
                    self.hand_out([(one, error) for one in served])

    def turn(self):
        idle = all(one is None for one in self.slots)
        for _ in range(PROMPTS_OF_STEP):
            if None not in self.slots:
                break
            try:
                request = self.waiting.get(block=idle)
            except queue.Empty:
                break
            if request.cancelled:
                continue
            # The lowest: a step computes all slots up to the last one that is taken.
            slot = self.slots.index(None)
            self.slots[slot] = request
            self.hand_out([self.took(slot, self.model.prompt(slot, request.prompt))])
            idle = False
        for slot, request in enumerate(self.slots):
            if request is not None and request.cancelled:
                self.slots[slot] = None
        taken = [slot for slot, request in enumerate(self.slots) if request is not None]
        if not taken:
            return
        rows = self.slots[: taken[-1] + 1]
        tokens = self.model.step(
            [0 if one is None else one.last for one in rows],
            [0 if one is None else len(one.prompt) + one.made - 1 for one in rows],
        )
        self.hand_out([self.took(slot, tokens[slot]) for slot in taken])

    def took(self, slot, token):
        request = self.slots[slot]
        reason = request.take(token)
        if reason is not None:
            self.slots[slot] = None
        return request, (token, reason)

    def hand_out(self, answers):
        def deliver():
            for request, answer in answers:
                request.answers.put_nowait(answer)

        self.loop.call_soon_threadsafe(deliver)


class BadRequest(Exception):
    """A request that cannot be followed."""


def refusal(message, status=400):
    error = {"message": message, "type": "invalid_request_error", "code": status}
    return web.json_response({"error": error}, status=status)


def to_ids(prompt, vocabulary):
    """Token ids of a prompt: given ones, or made up from a text's bytes."""
    if isinstance(prompt, str):
        data = prompt.encode()
        return [
            int.from_bytes(data[at : at + BYTES_OF_TOKEN], "little") % vocabulary
            for at in range(0, len(data), BYTES_OF_TOKEN)
        ]
    if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
        return to_ids(prompt[0], vocabulary)
    if isinstance(prompt, list) and all(type(one) is int for one in prompt):
        return [one % vocabulary for one in prompt]
    raise BadRequest("the prompt must be a text or a list of token ids, and one of them only")


class Server:
    """The HTTP side."""

    def __init__(self, model, slots, name):
        self.model, self.slots, self.name = model, slots, name

    async def start(self, _app):
        self.engine = Engine(self.model, self.slots, asyncio.get_running_loop())

    async def health(self, _request):
        return web.Response(text="ok")

    async def models(self, _request):
        return web.json_response({"object": "list", "data": [{"id": self.name, "object": "model"}]})

    async def completions(self, http):
        return await self.answer(http, chat=False)

    async def chat(self, http):
        return await self.answer(http, chat=True)

    def read(self, body, chat):
        """The request that a body asks for."""
        if not isinstance(body, dict):
            raise BadRequest("the body must be an object")
        if chat:
            messages = body.get("messages")
            if not isinstance(messages, list) or not messages:
                raise BadRequest("messages must be a list with at least one message")
            prompt = "\n".join(f"{one.get('role')}: {one.get('content')}" for one in messages)
        else:
            prompt = body.get("prompt", "")
        ids = to_ids(prompt, self.model.shape.vocabulary)
        if not ids:
            raise BadRequest("the prompt is empty")
        most = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS
        if type(most) is not int or most < 1:
            raise BadRequest(f"max_tokens must be a whole number from 1 on, not {most}")
        if len(ids) + most > self.model.context:
            raise BadRequest(
                f"{len(ids)} prompt tokens and {most} to be made are more than the context of "
                f"{self.model.context}"
            )
        return Request(ids, most, body.get("min_tokens") or 0, body.get("ignore_eos") is True)

    async def answer(self, http, chat):
        try:
            body = await http.json()
            request = self.read(body, chat)
        except BadRequest as error:
            return refusal(str(error))
        except (ValueError, AttributeError) as error:
            return refusal(f"the body cannot be read: {error}")
        frame = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "object": ("chat.completion" if chat else "text_completion"),
            "created": int(time.time()),
            "model": self.name,
        }
        self.engine.waiting.put(request)
        try:
            if body.get("stream") is True:
                return await self.stream(http, request, frame, body, chat)
            return await self.whole(request, frame, chat)
        finally:
            request.cancelled = True

    def usage(self, request):
        asked, made = len(request.prompt), request.made
        return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}

    async def whole(self, request, frame, chat):
        text, reason = "", None
        while reason is None:
            answer = await request.answers.get()
            if isinstance(answer, Exception):
                return refusal(str(answer), 500)
            token, reason = answer
            text += f" {token}"
        choice = {"index": 0, "finish_reason": reason}
        if chat:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        return web.json_response({**frame, "choices": [choice], "usage": self.usage(request)})

    async def stream(self, http, request, frame, body, chat):
        if chat:
            frame = {**frame, "object": "chat.completion.chunk"}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})

        async def send(chunk):
            await response.write(b"data: " + json.dumps({**frame, **chunk}).encode() + b"\n\n")

        def choices(text, reason):
            said = {"delta": {"content": text}} if chat else {"text": text}
            return {"choices": [{"index": 0, **said, "finish_reason": reason}]}

        reason = None
        try:
            await response.prepare(http)
            if chat:
                opening = {"role": "assistant", "content": ""}
                await send({"choices": [{"index": 0, "delta": opening, "finish_reason": None}]})
            while reason is None:
                answer = await request.answers.get()
                if isinstance(answer, Exception):
                    await send({"error": {"message": str(answer), "code": 500}})
                    return response
                token, reason = answer
                await send(choices(f" {token}", reason))
            if (body.get("stream_options") or {}).get("include_usage") is True:
                await send({"choices": [], "usage": self.usage(request)})
            await response.write(b"data: [DONE]\n\n")
            await response.write_eof()
        except ConnectionError:
            pass  # The client has gone; its slot is free with the next step.
        return response


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("-m", "--model", default="random", help="name that /v1/models gives")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", choices=SHAPES, default="1b")
    parser.add_argument("--slots", type=int, default=64, help="requests served at once")
    parser.add_argument("--context", type=int, default=4096, help="tokens of prompt and answer")
    options, unknown = parser.parse_known_args()
    if unknown:
        print(f"ignored: {' '.join(unknown)}", file=sys.stderr, flush=True)
    kind = torch.bfloat16 if options.device.startswith("cuda") else torch.float32
    began = time.monotonic()
    model = Model(SHAPES[options.size], options.slots, options.context, options.device, kind)
    with torch.inference_mode():
        # The first calls choose and load kernels, which no client should wait for.
        for length in (8, 128):
            model.prompt(0, [1] * length)
        for rows in (1, options.slots):
            model.step([1] * rows, [0] * rows)
    print(
        f"{model.parameters() / 1e9:.2f} G parameters on {options.device}, "
        f"{options.slots} slots of {options.context} tokens, "
        f"ready after {time.monotonic() - began:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    server = Server(model, options.slots, options.model)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.on_startup.append(server.start)
    app.router.add_get("/health", server.health)
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/completions", server.completions)
    app.router.add_post("/v1/chat/completions", server.chat)
    web.run_app(
        app,
        host=options.host,
        port=options.port,
        shutdown_timeout=1,
        print=None,
        access_log=None,
    )


if __name__ == "__main__":
    main()
