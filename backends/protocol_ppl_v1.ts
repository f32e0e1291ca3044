/**
 * The first version of the PPL LLM server's protocol.
 *
 * @module
 */
import { grpcRequest } from "./grpc_request.ts";
import { ppl, pplPrompt, pplStoppingOf, withExtraFields } from "./protocol_ppl.ts";
import {
  PPL_PATH,
  pplBatchV1,
  type PplRequestV1,
  pplRequestV1,
  pplStopping,
} from "./protocol_ppl_messages.ts";
import type { Input } from "./protobuf.ts";
import type { Protocol } from "./protocol.ts";

/** The protocol `ppl-v1`: as `ppl`, but a request's only sampling parameter is its temperature. */
export const pplV1: Protocol = {
  ...ppl,
  name: "ppl-v1",
  title: "PPL LLM server, first version (gRPC)",
  description: "Generation call of old PPL LLM servers, without sampling parameters other than " +
    "--temperature. Current servers misread it: use ppl for them.",
  buildRequest(request, target) {
    const { temperature, topP, topK, seed } = request.sampling;
    const unsupported = Object.entries({ topP, topK, seed }).find(([, value]) =>
      value !== undefined
    );
    if (unsupported !== undefined) {
      throw new TypeError(
        `Cannot send ${unsupported[0]} = ${
          unsupported[1]
        } over ppl-v1: it takes a temperature only, use ppl`,
      );
    }
    const one: Input<PplRequestV1> = {
      ...pplPrompt(request, "ppl-v1"),
      temperature,
      stopping_parameters: pplStoppingOf(request),
    };
    const parts = { stopping_parameters: pplStopping.fieldNames };
    const names = pplRequestV1.fieldNames;
    const req = [withExtraFields(one, request.extraBody, { names, parts })];
    return grpcRequest(target, target.endpoint ?? PPL_PATH, pplBatchV1.encode({ req }));
  },
};
