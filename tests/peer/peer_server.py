"""A gRPC server of Python's own: PPL (the version whose generated modules are named) and Triton.

Usage: peer_server.py GENERATED_FOLDER ppl|ppl_v1
Prints its port, then one JSON line for each request as Python read it. Ends with its stdin.
"""

import concurrent.futures
import importlib
import json
import struct
import sys
import threading

import grpc
from google.protobuf.json_format import MessageToDict

sys.path.insert(0, sys.argv[1])
ppl = importlib.import_module(sys.argv[2] + "_pb2")
ppl_grpc = importlib.import_module(sys.argv[2] + "_pb2_grpc")
kserve = importlib.import_module("kserve_pb2")
kserve_grpc = importlib.import_module("kserve_pb2_grpc")

# Calls run in threads, and a line must stay one.
printing = threading.Lock()


def report(call, message, context):
    metadata = {key: value for key, value in context.invocation_metadata() if key.startswith(("x-", "auth"))}
    line = json.dumps({
        "call": call,
        "metadata": metadata,
        "message": MessageToDict(message, preserving_proto_field_name=True),
    })
    with printing:
        print(line, flush=True)


class Ppl(ppl_grpc.LLMServiceServicer):
    def Generation(self, batch, context):
        report("Generation", batch, context)
        for request in batch.req:
            if request.prompt == "fail":
                yield ppl.BatchedResponse(rsp=[ppl.Response(status=ppl.FAILED, id=request.id)])
                return
            if request.prompt == "abort":
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no slots: 100 % ü")
            count = request.stopping_parameters.max_new_tokens
            for i in range(count):
                response = ppl.Response(id=request.id, generated="" if i == 1 else f" {i}é")
                response.status = ppl.FINISHED if i == count - 1 else ppl.PROCESSING
                response.tokens.ids.append(1000 + i)
                if hasattr(response, "detail"):
                    response.detail.logprobs = -0.25
                    response.detail.finish_reason = 0
                yield ppl.BatchedResponse(rsp=[response])


def uint32(*values):
    return struct.pack(f"<{len(values)}I", *values)


class Triton(kserve_grpc.GRPCInferenceServiceServicer):
    def ServerReady(self, request, context):
        return kserve.ServerReadyResponse(ready=True)

    def ModelReady(self, request, context):
        return kserve.ModelReadyResponse(ready=request.name == "turbomind")

    def ModelConfig(self, request, context):
        response = kserve.ModelConfigResponse()
        response.config.name = request.name
        response.config.max_batch_size = 1
        response.config.parameters["model_name"].string_value = "internlm"
        response.config.model_transaction_policy.decoupled = True
        return response

    def ModelInfer(self, request, context):
        raw = request.raw_input_contents[0]
        (length,) = struct.unpack_from("<I", raw)
        text = raw[4:4 + length].decode()
        ids = [2] if text == "<EOS>" else [1] + list(text.encode())
        response = kserve.ModelInferResponse(model_name=request.model_name)
        for name, values in (("INPUT_ID", ids), ("REQUEST_INPUT_LEN", [len(ids)])):
            response.outputs.add(name=name, datatype="UINT32", shape=[1, len(values)])
            response.raw_output_contents.append(uint32(*values))
        return response

    def ModelStreamInfer(self, requests, context):
        for request in requests:
            report("ModelStreamInfer", request, context)
            inputs = {tensor.name: raw for tensor, raw in zip(request.inputs, request.raw_input_contents)}
            ids = list(struct.unpack(f"<{len(inputs['input_ids']) // 4}I", inputs["input_ids"]))
            (count,) = struct.unpack("<I", inputs["request_output_len"])
            if count == 13:
                yield kserve.ModelStreamInferResponse(error_message="unlucky ü")
                return
            for i in list(range(1, count + 1)) + [count]:
                all_ids = ids + list(range(500, 500 + i))
                response = kserve.ModelStreamInferResponse()
                answer = response.infer_response
                answer.model_name = request.model_name
                answer.id = request.id
                answer.parameters["triton_final_response"].bool_param = False
                answer.outputs.add(name="output_ids", datatype="UINT32", shape=[1, 1, 64])
                answer.outputs.add(name="sequence_length", datatype="UINT32", shape=[1, 1])
                answer.raw_output_contents.append(uint32(*(all_ids + [0] * (64 - len(all_ids)))))
                answer.raw_output_contents.append(uint32(len(all_ids)))
                yield response


server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
ppl_grpc.add_LLMServiceServicer_to_server(Ppl(), server)
kserve_grpc.add_GRPCInferenceServiceServicer_to_server(Triton(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
