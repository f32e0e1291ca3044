"""A gRPC client of Python's own against the simulated server; asserts what it gets.

Usage: peer_client.py GENERATED_FOLDER ppl|ppl_v1 PORT
"""

import importlib
import struct
import sys

import grpc

sys.path.insert(0, sys.argv[1])
version = sys.argv[2]
ppl = importlib.import_module(version + "_pb2")
ppl_grpc = importlib.import_module(version + "_pb2_grpc")
kserve = importlib.import_module("kserve_pb2")
kserve_grpc = importlib.import_module("kserve_pb2_grpc")

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[3]}")


def equal(actual, expected, what):
    assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


def ppl_request(**fields):
    request = ppl.Request(id=2**63 + 1029, **fields)
    request.stopping_parameters.max_new_tokens = 12
    request.stopping_parameters.ignore_eos_token = True
    return ppl.BatchedRequest(req=[request])


service = ppl_grpc.LLMServiceStub(channel)
responses = [rsp for batch in service.Generation(ppl_request(prompt="Hallo Wörld")) for rsp in batch.rsp]
equal(len(responses), 12, "responses")
equal({rsp.id for rsp in responses}, {2**63 + 1029}, "ids")
equal([rsp.status for rsp in responses], [ppl.PROCESSING] * 11 + [ppl.FINISHED], "status")
assert all(rsp.generated for rsp in responses), "every token has a text"
if version == "ppl":
    assert all(rsp.HasField("detail") for rsp in responses), "detail"
    equal(responses[0].detail.logprobs, -0.5, "logprobs")

request = ppl_request()
request.req[0].tokens.ids.extend([1, 2, 300000])
responses = [rsp for batch in service.Generation(request) for rsp in batch.rsp]
assert all(len(rsp.tokens.ids) == 1 for rsp in responses), "token ids for token ids"

# The simulated context is 100 tokens: PPL says FAILED under status OK.
request = ppl_request(prompt="x")
request.req[0].stopping_parameters.max_new_tokens = 1000
call = service.Generation(request)
equal([rsp.status for batch in call for rsp in batch.rsp], [ppl.FAILED], "too long")
equal(call.code(), grpc.StatusCode.OK, "status of FAILED")

try:
    list(service.Generation(ppl.BatchedRequest()))
    raise AssertionError("an empty batch is refused")
except grpc.RpcError as error:
    equal(error.code(), grpc.StatusCode.INVALID_ARGUMENT, "status")
    equal(error.details(), "0 requests in one call, the simulated server takes one", "details")

call = service.Generation(ppl_request(prompt="cancelled"))
next(call)
call.cancel()
try:
    list(call)
    raise AssertionError("a cancelled call ends")
except grpc.RpcError as error:
    equal(error.code(), grpc.StatusCode.CANCELLED, "status")

triton = kserve_grpc.GRPCInferenceServiceStub(channel)
assert triton.ServerReady(kserve.ServerReadyRequest()).ready
assert triton.ModelReady(kserve.ModelReadyRequest(name="turbomind")).ready
config = triton.ModelConfig(kserve.ModelConfigRequest(name="turbomind")).config
equal(config.parameters["model_name"].string_value, "internlm", "model_name")
equal((config.max_batch_size, config.instance_group[0].count), (1, 48), "instances")
assert config.model_transaction_policy.decoupled
try:
    triton.ModelConfig(kserve.ModelConfigRequest(name="nobody"))
    raise AssertionError("an unknown model is refused")
except grpc.RpcError as error:
    equal(error.code(), grpc.StatusCode.NOT_FOUND, "status")

query = kserve.ModelInferRequest(model_name="preprocessing")
query.inputs.add(name="QUERY", datatype="BYTES", shape=[1, 1])
query.raw_input_contents.append(struct.pack("<I", 8) + b"Hello ab")
answer = triton.ModelInfer(query)
equal([tensor.name for tensor in answer.outputs], ["INPUT_ID", "REQUEST_INPUT_LEN"], "outputs")
ids = struct.unpack("<3I", answer.raw_output_contents[0])
equal(ids[0], 1, "beginning of the sequence")

request = kserve.ModelInferRequest(model_name="turbomind", id="7")
request.parameters["sequence_id"].int64_param = 3
request.parameters["sequence_start"].bool_param = True
for name, values in (("input_ids", ids), ("input_lengths", [3]), ("request_output_len", [5])):
    request.inputs.add(name=name, datatype="UINT32", shape=[1, len(values)])
    request.raw_input_contents.append(struct.pack(f"<{len(values)}I", *values))
responses = list(triton.ModelStreamInfer(iter([request])))
equal({response.error_message for response in responses}, {""}, "errors")
equal({response.infer_response.id for response in responses}, {"7"}, "ids")
lengths = [struct.unpack("<I", response.infer_response.raw_output_contents[1])[0] for response in responses]
equal(lengths, [4, 5, 6, 7, 8, 8], "sequence_length, the last one repeated")
first = responses[0].infer_response
equal(list(first.outputs[0].shape), [1, 1, len(first.raw_output_contents[0]) // 4], "shape")
equal(struct.unpack_from("<3I", first.raw_output_contents[0]), ids, "prompt ids come back")

request.model_name = "nobody"
(response,) = triton.ModelStreamInfer(iter([request]))
assert "nobody" in response.error_message, response.error_message

unknown = channel.unary_unary("/ppl.llm.proto.LLMService/Nothing")
try:
    unknown(b"")
    raise AssertionError("an unknown method is refused")
except grpc.RpcError as error:
    equal(error.code(), grpc.StatusCode.UNIMPLEMENTED, "status")

print("ok")
