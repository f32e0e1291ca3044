"""Feeds the answers of tests/support/dialect_scenario.ts to other tools' own parsing and formulas, by hand.

Usage: dialect_golden.py TOOL SCENARIO.json SOURCE
SOURCE: the folder into which the tool's package was unpacked; for lmdeploy, profile_restful_api.py.
Prints the tool's numbers as JSON, which tests/fixtures/dialect_golden.json keeps for each tool.

The clock is virtual: it stands at the time of the read that is being handed out, so what a tool makes of
the bytes is its definitions alone. What a module imports besides, such as an engine, is replaced by nothing.
Needs numpy, aiohttp, tqdm, transformers, orjson and msgspec; aiperf and guidellm have to be installed.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import io
import json
import sys
import time
import types

NOW = [0.0]
CURRENT = [None]
# Clocks of the wall must not stand at 0.
EPOCH_SEC = 1000.0


class Clock(types.ModuleType):
    """The module `time`, at the time of the current read."""

    def __getattr__(self, name):
        return getattr(time, name)


clock = Clock("clock")
clock.perf_counter = lambda: EPOCH_SEC + NOW[0]
clock.time = clock.perf_counter
clock.perf_counter_ns = lambda: round((EPOCH_SEC + NOW[0]) * 1e9)


class Nothing(types.ModuleType):
    """A module of which every name is a class that takes anything."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        members = {
            "__class_getitem__": classmethod(lambda cls, key: cls),
            "__init__": lambda self, *args, **kw: None,
            "__getattr__": lambda self, name: lambda *args, **kw: None,
        }
        return type(name, (), members)


class Absent:
    """Finds the modules that are replaced by nothing."""

    names = ()

    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in self.names):
            return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        return Nothing(spec.name)

    def exec_module(self, module):
        pass


def leave_out(*names):
    Absent.names = names
    sys.meta_path.insert(0, Absent())


def package(name, path):
    """A package whose own __init__ is not run."""
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
    return module


class Body:
    """The body of an answer, as aiohttp hands it out."""

    def __init__(self, request):
        self.request = request

    async def iter_any(self):
        for ms, text in self.request["reads"]:
            NOW[0] = ms / 1000
            yield text.encode()
        NOW[0] = self.request["endMs"] / 1000
        if self.request["end"] == "cut":
            raise ConnectionError("broke off")

    async def __aiter__(self):
        rest = b""
        async for chunk in self.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"


class Answer:
    """Response and session in one."""

    reason = "x"
    headers = {"Content-Type": "text/event-stream"}

    def __init__(self, request):
        self.request = request
        self.status = request["status"]
        self.content = Body(request)

    def post(self, **kw):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False

    async def text(self):
        return self.request["reads"][0][1]

    async def json(self):
        return json.loads(await self.text())


class Words:
    """A tokenizer whose counts are not compared."""

    def __call__(self, text, **kw):
        return types.SimpleNamespace(input_ids=text.split())

    def encode(self, text, **kw):
        return text.split()


def start(request):
    CURRENT[0] = request
    NOW[0] = request["sentMs"] / 1000


def seconds(requests):
    return max(request["endMs"] for request in requests) / 1000


def usage_of(request):
    """The server's count of an answer, where it sent one."""
    for _, text in request["reads"]:
        at = text.find('"completion_tokens":')
        if at >= 0:
            return int(text[at + len('"completion_tokens":') :].split(",")[0])


def chunks_of(request):
    keys = ('"content":" ', '"text":" ', '"reasoning":')
    return sum(text.count(key) for _, text in request["reads"] for key in keys)


TOTALS = {"total_input": "total_input_tokens", "total_output": "total_output_tokens"}


def url(protocol):
    return "http://x/v1/" + ("chat/completions" if protocol == "openai-chat" else "completions")


def vllm(protocol, requests, source):
    package("vllm", source + "/vllm")
    leave_out(
        *("regex vllm.tokenizers vllm.utils vllm.inputs vllm.logger vllm.lora vllm.multimodal "
          "vllm.benchmarks.datasets vllm.envs vllm.config vllm.platforms vllm.transformers_utils "
          "vllm.entrypoints").split()
    )
    lib = importlib.import_module("vllm.benchmarks.lib.endpoint_request_func")
    serve = importlib.import_module("vllm.benchmarks.serve")
    lib.time = clock
    kind = "openai_chat_completions" if protocol == "openai-chat" else "openai_completions"
    outputs = []
    for request in requests:
        start(request)
        given = lib.RequestFuncInput(
            prompt="p", api_url=url(protocol), prompt_len=request["promptTokens"],
            output_len=request["outputTokens"], model="m",
        )
        outputs.append(asyncio.run(getattr(lib, "async_request_" + kind)(given, Answer(request))))
    limits = {"ttft": 60, "tpot": 15}
    metrics, _ = serve.calculate_metrics([], outputs, seconds(requests), Words(), [90, 99], limits)
    numbers = {TOTALS.get(name, name): value for name, value in vars(metrics).items()}
    for key in ("ttft", "tpot", "itl", "e2el"):
        for p, value in numbers.pop(f"percentiles_{key}_ms"):
            numbers[f"p{p:g}_{key}_ms"] = value
    numbers.pop("rtfx")
    return numbers


def one_file_client(module, protocol, requests):
    """SGLang's client and LMDeploy's, which comes from it."""
    module.time = clock
    module.args = types.SimpleNamespace(
        disable_stream=False, disable_ignore_eos=False, return_logprob=False, print_requests=False,
        cache_report=False, top_logprobs_num=0,
    )
    kind = "openai_chat_completions" if protocol == "openai-chat" else "openai_completions"
    outputs, rows = [], []
    for request in requests:
        start(request)
        given = dict(
            prompt="p", api_url=url(protocol), prompt_len=request["promptTokens"],
            output_len=request["outputTokens"], model="m", image_data=None, extra_request_body={},
        )
        if "lora_name" in module.RequestFuncInput.__dataclass_fields__:
            given["lora_name"] = ""
        outputs.append(
            asyncio.run(getattr(module, "async_request_" + kind)(module.RequestFuncInput(**given)))
        )
        tokens = request["promptTokens"]
        rows.append(
            types.SimpleNamespace(prompt_len=tokens, text_prompt_len=tokens, vision_prompt_len=0)
        )
    metrics, _ = module.calculate_metrics(rows, outputs, seconds(requests), Words(), "x")
    return {
        TOTALS.get(name, name): value
        for name, value in vars(metrics).items()
        if not name.endswith("retokenized") and name not in ("total_input_text", "total_input_vision")
    }


def sglang(protocol, requests, source):
    package("sglang", source + "/sglang")
    leave_out(
        *("pybase64 sglang.srt sglang.benchmark.datasets sglang.benchmark.rust_client sglang.test "
          "sglang.utils sglang.lang").split()
    )
    module = importlib.import_module("sglang.benchmark.serving")
    module._create_bench_client_session = lambda: Answer(CURRENT[0])
    return one_file_client(module, protocol, requests)


def lmdeploy(protocol, requests, source):
    leave_out("PIL", "pybase64")
    spec = importlib.util.spec_from_file_location("profile_restful_api", source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.aiohttp = types.SimpleNamespace(
        ClientSession=lambda **kw: Answer(CURRENT[0]), ClientTimeout=lambda **kw: None
    )
    return one_file_client(module, protocol, requests)


def aiperf(protocol, requests, source):
    import aiperf.transports.sse_utils as sse
    import numpy
    from aiperf.common.exceptions import NoMetricValue
    from aiperf.common.models import ErrorDetails
    from aiperf.common.models.record_models import ParsedResponseRecord, RequestRecord, TokenCounts
    from aiperf.endpoints.openai_chat import ChatEndpoint
    from aiperf.endpoints.openai_completions import CompletionsEndpoint
    from aiperf.metrics.metric_dicts import (
        MetricRecordDict, MetricResultsDict, metric_result_from_array,
    )
    from aiperf.metrics.metric_registry import MetricRegistry

    sse.time = clock
    spreads = (
        "request_latency time_to_first_token time_to_second_token time_to_first_output_token "
        "output_sequence_length input_sequence_length output_token_count inter_token_latency "
        "inter_chunk_latency output_token_throughput_per_user e2e_output_token_throughput "
        "prefill_throughput_per_user decode_duration usage_completion_tokens usage_prompt_tokens "
        "usage_total_tokens"
    ).split()
    ends = ["min_request_timestamp", "max_response_timestamp"]
    derived = (
        "benchmark_duration total_osl total_isl total_output_tokens output_token_throughput "
        "input_token_throughput total_token_throughput request_throughput"
    ).split()
    endpoint = object.__new__(ChatEndpoint if protocol == "openai-chat" else CompletionsEndpoint)
    endpoint.is_enabled_for = lambda *level: False

    async def parsed(request):
        start(request)
        now = clock.perf_counter_ns()
        record = RequestRecord(start_perf_ns=now, timestamp_ns=now)
        record.status = request["status"]
        if request["status"] != 200:
            record.error = ErrorDetails(code=request["status"], type="x", message="x")
        else:
            try:
                async for message in sse.AsyncSSEStreamReader(Body(request).iter_any()):
                    sse.AsyncSSEStreamReader.inspect_message_for_error(message)
                    record.responses.append(message)
            except ConnectionError as error:
                record.error = ErrorDetails.from_exception(error)
        record.end_perf_ns = clock.perf_counter_ns()
        responses = endpoint.extract_response_data(record) if record.error is None else []
        whole = ParsedResponseRecord(request=record, responses=responses)
        if whole.final_usage:
            usage = whole.final_usage
            whole.token_counts = TokenCounts(input=usage.prompt_tokens, output=usage.completion_tokens)
        return whole

    values = {tag: [] for tag in spreads + ends}
    valid = 0
    for request in requests:
        record = asyncio.run(parsed(request))
        if not record.valid:
            continue
        valid += 1
        own = MetricRecordDict()
        for tag in values:
            try:
                own[tag] = MetricRegistry.get_class(tag)().parse_record(record, own)
            except NoMetricValue:
                continue
            values[tag].extend(own[tag] if isinstance(own[tag], list) else [own[tag]])
    errors = len(requests) - valid
    numbers = {
        "request_count.avg": valid, "error_request_count.avg": errors,
        "completed_request_count.avg": len(requests),
        "request_error_rate.avg": 100 * errors / len(requests),
    }
    results = MetricResultsDict()
    results.update(request_count=valid, total_osl=sum(values["output_sequence_length"]),
                   total_isl=sum(values["input_sequence_length"]),
                   total_output_tokens=sum(values["output_token_count"]),
                   min_request_timestamp=min(values[ends[0]]),
                   max_response_timestamp=max(values[ends[1]]))
    shown = "avg min max sum p1 p5 p10 p25 p50 p75 p90 p95 p99 std".split()
    for tag in spreads:
        metric = MetricRegistry.get_class(tag)
        unit = metric.display_unit or metric.unit
        array = numpy.array([
            float(value if unit == metric.unit else metric.unit.convert_to(unit, value))
            for value in values[tag]
        ])
        found = metric_result_from_array(tag, "", "", array.copy(), float(array.sum()))
        numbers.update({f"{tag}.{name}": getattr(found, name) for name in shown})
    for tag in derived:
        metric = MetricRegistry.get_class(tag)
        if tag not in results:
            results[tag] = metric()._derive_value(results)
        unit = metric.display_unit or metric.unit
        value = results[tag]
        numbers[f"{tag}.avg"] = value if unit == metric.unit else metric.unit.convert_to(unit, value)
    for kind in ("prompt", "completion", "total"):
        numbers[f"total_usage_{kind}_tokens.avg"] = sum(values[f"usage_{kind}_tokens"])
    return numbers


def guidellm(protocol, requests, source):
    import guidellm.backends.openai.http as http
    from guidellm.backends.openai.request_handlers import OpenAIRequestHandlerFactory
    from guidellm.benchmark.schemas.accumulator import GenerativeRequestsAccumulator
    from guidellm.benchmark.schemas.metrics import GenerativeMetrics
    from guidellm.schemas import GenerationRequest, RequestInfo

    http.time = clock

    class Stream(Answer):
        def stream(self, **kw):
            return self

        def raise_for_status(self):
            if self.status != 200:
                raise ConnectionError("status")

        async def aiter_lines(self):
            async for line in self.content:
                yield line.decode().rstrip("\n")

    everything = types.SimpleNamespace(
        completed=GenerativeRequestsAccumulator(), incomplete=GenerativeRequestsAccumulator(),
        errored=GenerativeRequestsAccumulator(),
        config=types.SimpleNamespace(
            confidence=None, slo=None, strategy=types.SimpleNamespace(defines_arrival_schedule=False)
        ),
        timings=types.SimpleNamespace(
            finalized_measure_start=EPOCH_SEC, finalized_measure_end=EPOCH_SEC + seconds(requests)
        ),
    )
    for request in requests:
        start(request)
        asked = GenerationRequest(columns={})
        info = RequestInfo(request_id=asked.request_id)
        info.timings.resolve_start = clock.time()
        backend = object.__new__(http.OpenAIHTTPBackend)
        backend._async_client = Stream(request)
        backend._check_tool_call_expectations = lambda *args, **kw: None
        handler = OpenAIRequestHandlerFactory.create(url(protocol).removeprefix("http://x"))
        arguments = types.SimpleNamespace(model_dump_json=lambda: "{}", stream=True)

        async def resolve():
            last = None
            async for last, _ in backend._resolve_streaming(asked, info, handler, arguments, {}):
                pass
            return last

        try:
            response, into = asyncio.run(resolve()), everything.completed
        except ConnectionError:
            NOW[0] = request["endMs"] / 1000
            info.timings.request_end = clock.time()
            response, into = None, everything.errored
        info.timings.resolve_end = clock.time()
        stats = GenerativeRequestsAccumulator.compile_stats(response, asked, info, True)
        into.requests_stats.append(stats)
    metrics = GenerativeMetrics.compile(everything)
    numbers = {
        f"request_totals.{name}": getattr(metrics.request_totals, name)
        for name in ("successful", "errored", "incomplete")
    }
    values = (
        "request_latency time_to_first_token_ms time_to_first_output_token_ms inter_token_latency_ms "
        "time_per_output_token_ms prompt_token_count output_token_count total_token_count"
    ).split()
    rates = (
        "requests_per_second request_concurrency prompt_tokens_per_second output_tokens_per_second "
        "tokens_per_second"
    ).split()
    for name in values + rates:
        found = getattr(metrics, name).successful
        counts = ["count", "total_sum"] if name in values else []
        for one in ["mean", "median", "std_dev", "min", "max", *counts]:
            numbers[f"{name}.successful.{one}"] = getattr(found, one)
        for one, value in found.percentiles.model_dump().items():
            numbers[f"{name}.successful.percentiles.{one}"] = value
    return numbers


def genai_perf(protocol, requests, source):
    sys.path.insert(0, source)
    leave_out(
        *("genai_perf.tokenizer genai_perf.inputs genai_perf.config genai_perf.export_data "
          "genai_perf.checkpoint genai_perf.record transformers rich plotly pandas").split()
    )
    module = importlib.import_module("genai_perf.profile_data_parser.llm_profile_data_parser")
    statistics = importlib.import_module("genai_perf.metrics.statistics")
    module.tqdm = lambda every, **kw: every
    formats = module.ResponseFormat
    parser = object.__new__(module.LLMProfileDataParser)
    parser._service_kind = "openai"
    parser._response_format = (
        formats.OPENAI_CHAT_COMPLETIONS if protocol == "openai-chat" else formats.OPENAI_COMPLETIONS
    )
    parser._goodput_constraints = {}
    parser._session_metrics = {}
    whole = [one for one in requests if one["status"] == 200 and one["end"] == "complete"]
    ns = lambda ms: round((EPOCH_SEC * 1000 + ms) * 1e6)
    given = [
        {
            "timestamp": ns(one["sentMs"]), "request_inputs": one,
            "response_timestamps": [ns(ms) for ms, _ in one["reads"]],
            "response_outputs": [{"response": text} for _, text in one["reads"]],
        }
        for one in whole
    ]
    # The counts of records in place of its tokenizer's.
    counts = iter([chunks_of(one) for one in whole])
    parser._get_input_token_count = lambda inputs: inputs["promptTokens"]
    parser._get_output_token_counts = lambda outputs: ([1] * len(outputs), next(counts))
    found = statistics.Statistics(parser._parse_requests(given))
    found.scale_data()
    return {
        f"{tag}.{name}": value
        for tag, values in found.stats_dict.items()
        for name, value in values.items()
        if name != "unit"
    }


def inference_perf(protocol, requests, source):
    package("inference_perf", source + "/inference_perf")
    apis = package("inference_perf.apis", source + "/inference_perf/apis")
    package("inference_perf.reportgen", source + "/inference_perf/reportgen")
    leave_out(
        *("inference_perf.client inference_perf.config inference_perf.utils inference_perf.metrics "
          "inference_perf.datagen").split()
    )
    record = types.SimpleNamespace
    for name in ("RequestLifecycleMetric", "ResponseMetrics", "SessionLifecycleMetric"):
        setattr(apis, name, record)
    apis.StreamedResponseMetrics = record
    parsing = importlib.import_module("inference_perf.apis.streaming_parser")
    base = importlib.import_module("inference_perf.reportgen.base")
    parsing.time = clock

    def content(data):
        choice = data.get("choices", [{}])[0]
        return choice.get("delta", {}).get("content") if protocol == "openai-chat" else choice.get("text")

    metrics = []
    for request in requests:
        start(request)
        began = clock.perf_counter()
        response, error = None, None
        if request["status"] != 200:
            error = record(error_type="HTTP Error 503", error_msg="busy")
        else:
            try:
                _, times, _, chunks, usage = asyncio.run(parsing.parse_sse_stream(Answer(request), content))
                response = record(
                    response_chunks=chunks, chunk_times=times, output_token_times=times,
                    output_tokens=usage_of(request), server_usage=usage,
                )
            except parsing.StreamInterruptedError as broken:
                error = record(error_type="x", error_msg=str(broken))
        NOW[0] = request["endMs"] / 1000
        tokens = response.server_usage["prompt_tokens"] if response else request["promptTokens"]
        metrics.append(record(
            start_time=began, end_time=clock.perf_counter(), scheduled_time=began, error=error,
            request_data="x", session_id=None, ttft_slo_sec=None, tpot_slo_sec=None, request=request,
            info=record(
                response_metrics=response, retries_attempted=0,
                request_metrics=record(
                    text=record(input_tokens=tokens), image=None, video=None, audio=None
                ),
            ),
        ))

    # As many tokens for each chunk as the server counted.
    correct = base.correct_streamed_response_metrics

    def corrected(metric, _):
        per_chunk = usage_of(metric.request) // chunks_of(metric.request)
        return correct(metric, record(count_tokens=lambda text, **kw: per_chunk))

    base.correct_streamed_response_metrics = corrected
    percentiles = [0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9]
    found = base.summarize_requests(metrics, percentiles, use_server_output_tokens=True)
    base.correct_streamed_response_metrics = correct
    kept = (
        "benchmark_time successes.count successes.latency. successes.throughput.input "
        "successes.throughput.output successes.throughput.total successes.throughput.requests "
        "successes.prompt_tokens. successes.output_tokens. failures.count"
    ).split()
    numbers = dict(flat({
        "benchmark_time_seconds": found.benchmark_time_seconds,
        "successes": found.successes, "failures": found.failures,
    }))
    return {
        name: value for name, value in numbers.items()
        if name.startswith(tuple(kept)) and not name.endswith("cached")
    }


def flat(value, path=""):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from flat(member, f"{path}.{name}" if path else name)
    elif isinstance(value, (int, float)):
        yield path, value


def evalscope(protocol, requests, source):
    for name in "evalscope evalscope.perf evalscope.perf.plugin evalscope.perf.plugin.api evalscope.perf.utils".split():
        package(name, source + "/" + name.replace(".", "/"))
    leave_out("evalscope.utils", "evalscope.perf.arguments", "evalscope.perf.plugin.registry", "transformers")
    api = importlib.import_module("evalscope.perf.plugin.api.default_api")
    formulas = importlib.import_module("evalscope.perf.utils.benchmark_util")
    api.time = clock
    plugin = types.SimpleNamespace()
    sums = formulas.MetricsAccumulator()
    rows = []
    for request in requests:
        start(request)
        data = asyncio.run(
            api.DefaultApiPlugin.process_request(plugin, Answer(request), "http://x", {}, {"stream": True})
        )
        sums.update(data, plugin)
        if data.success:
            rows.append(data)
    found = sums.to_result()
    numbers = {
        "Test Duration (s)": found.total_time, "Success Requests": found.succeed_requests,
        "Failed Requests": found.failed_requests, "Req Throughput (req/s)": found.qps,
        "Avg Latency (s)": found.avg_latency, "Avg Input Tokens": found.avg_prompt_tokens,
        "Output Throughput (tok/s)": found.avg_output_token_throughput,
        "Total Throughput (tok/s)": found.avg_total_token_throughput,
        "Avg TTFT (ms)": found.avg_first_chunk_latency * 1000,
        "Avg TPOT (ms)": found.avg_time_per_output_token * 1000,
        "Avg ITL (ms)": found.avg_inter_token_latency * 1000,
        "Avg Output Tokens": found.avg_completion_tokens,
    }
    # Its percentiles are read from a database; this function of it needs none.
    text = open(source + "/evalscope/perf/utils/db_util.py").read()
    names = {}
    body = text[text.index("def calculate_percentiles"): text.index("def get_percentile_results")]
    exec("import math\nfrom typing import Dict, List\n" + body, names)
    times = [row.time_per_output_token for row in rows if row.time_per_output_token > 0]
    columns = {
        "TTFT (ms)": [row.first_chunk_latency * 1000 for row in rows],
        "ITL (ms)": [gap * 1000 for row in rows for gap in row.inter_chunk_latency],
        "TPOT (ms)": [value * 1000 for value in times], "Decode (tok/s)": [1 / value for value in times],
        "Latency (s)": [row.query_latency for row in rows],
        "Input tokens": [row.prompt_tokens for row in rows],
        "Output tokens": [row.completion_tokens for row in rows],
        "Output (tok/s)": [row.completion_tokens / row.query_latency for row in rows],
    }
    for name, values in columns.items():
        for p, value in names["calculate_percentiles"](values, [50, 90, 99]).items():
            numbers[f"{name} {p}%"] = value
    return numbers


# Which of the scenarios each tool can read: a usage chunk without choices fails some of them.
BOTH = ["openai-chat", "openai-completions"]
BARE = ["openai-chat-no-usage", "openai-completions-no-usage"]
TOOLS = {
    "vllm": (vllm, BOTH), "sglang": (sglang, ["openai-chat", *BARE]), "lmdeploy": (lmdeploy, BARE),
    "aiperf": (aiperf, BOTH), "guidellm": (guidellm, BOTH), "genai-perf": (genai_perf, BARE),
    "inference-perf": (inference_perf, BOTH), "evalscope": (evalscope, BOTH),
}

if __name__ == "__main__":
    tool, scenario, source = sys.argv[1:4]
    with open(scenario) as file:
        scenarios = json.load(file)
    ask, names = TOOLS[tool]
    printed = {}
    for name in names:
        with contextlib.redirect_stdout(io.StringIO()):
            numbers = ask(name.removesuffix("-no-usage"), scenarios[name], source)
        printed[name] = {
            key: None if value is None else float(value) for key, value in numbers.items()
        }
    print(json.dumps(printed, indent=1))
