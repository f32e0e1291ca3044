/** What servers say when they refuse, word for word, and what we make of it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readErrorBody } from "../backends/error_message.ts";
import { explainRefusal } from "../workloads/server_refusal.ts";
import type { RefusalFacts } from "../workloads/server_refusal_facts.ts";

/** A forced chat as openai-chat sends it. */
const CHAT: RefusalFacts = {
  kind: "http_error",
  status: 400,
  carrier: "http",
  said: "",
  url: "http://h:8000",
  callUrl: "http://h:8000/v1/chat/completions",
  path: "/v1/chat/completions",
  sent: {
    fields: [
      ...["model", "messages", "max_tokens", "min_tokens", "ignore_eos", "temperature", "top_k"],
      ...["seed", "stream", "stream_options", "stream_options.include_usage", "cache_prompt"],
    ],
    forced: ["min_tokens", "ignore_eos"],
    own: ["cache_prompt"],
    credentials: [],
  },
  model: "m",
};

const error = (message: string, rest: Record<string, unknown> = {}) =>
  JSON.stringify({ error: { message, ...rest } });
const detail = (...parts: readonly Record<string, unknown>[]) => JSON.stringify({ detail: parts });
const forbidden = (name: string) =>
  detail({ type: "extra_forbidden", loc: ["body", name], msg: "Extra inputs are not permitted" });

/** `[server, status, body, says, headers]`: the meaning and the cure, joined. */
type Row = readonly [
  server: string,
  status: number,
  body: string,
  says: RegExp,
  facts?: Partial<RefusalFacts>,
];

const CAP = /min_tokens.*: use --length cap/;
const LENGTH = /longer than the model's context: --max-total-tokens/;
const TEMPLATE = /chat template refuses the messages: .*--num-turns 1/;
const GATE = /proxy answers, but not the server behind it/;

const ROWS: readonly Row[] = [
  // Parameters that are not known.
  ["OpenAI", 400, error("Unrecognized request argument supplied: min_tokens"), CAP],
  ["OpenAI", 400, error("Unknown parameter: 'min_tokens'.", { param: "min_tokens" }), CAP],
  ["OpenAI, words alone elsewhere", 400, error("Not supported here", { param: "min_tokens" }), CAP],
  [
    "OpenAI reasoning",
    400,
    error(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use " +
        "'max_completion_tokens' instead.",
      { param: "max_tokens", code: "unsupported_parameter" },
    ),
    /max_completion_tokens in place of max_tokens: add --max-completion-tokens/,
  ],
  [
    "OpenAI reasoning",
    400,
    error(
      "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) " +
        "value is supported.",
      { param: "temperature", code: "unsupported_value" },
    ),
    /take temperature: leave out --temperature/,
  ],
  [
    "Azure",
    400,
    error("Unrecognized request argument supplied: stream_options"),
    /take stream_options: leave it out by --extra-body '\{"stream_options":null\}'/,
  ],
  ["Mistral", 422, forbidden("min_tokens"), CAP],
  [
    "Mistral, nested",
    422,
    `{"object":"error","message":${forbidden("stream_options")},"type":"invalid_request_error"}`,
    /stream_options: .*null/,
  ],
  [
    "vLLM of pydantic's repr",
    400,
    error(
      "[{'type': 'extra_forbidden', 'loc': ('body', 'min_tokens'), 'msg': 'Extra inputs are not " +
        "permitted', 'input': 64}]",
    ),
    CAP,
  ],
  [
    "pydantic 1",
    422,
    detail({ loc: ["body", "ignore_eos"], msg: "extra fields not permitted" }),
    /ignore_eos: use --length cap/,
  ],
  [
    "Groq",
    400,
    error("property 'min_tokens' is unsupported, did you mean 'max_tokens'?"),
    CAP,
  ],
  ["Cerebras", 400, '{"message":"body.min_tokens: property \'min_tokens\' is unsupported"}', CAP],
  [
    "Gemini",
    400,
    error('Invalid JSON payload received. Unknown name "min_tokens": Cannot find field.'),
    CAP,
  ],
  ["xAI", 400, '{"code":"Client error","error":"Argument not supported: min_tokens"}', CAP],
  ["Fireworks", 400, error("Extra inputs are not permitted, field: 'min_tokens', value: 64"), CAP],
  [
    "Bedrock",
    400,
    '{"message":"Malformed input request: #: extraneous key [min_tokens] is not permitted"}',
    CAP,
  ],
  [
    "LiteLLM",
    400,
    error(
      "litellm.UnsupportedParamsError: openai does not support parameters: ['min_tokens'], for " +
        "model=gpt-4o. To drop these, set `litellm.drop_params=True`",
    ),
    CAP,
  ],
  [
    "LiteLLM before OpenAI",
    400,
    error(
      "litellm.BadRequestError: OpenAIException - Unrecognized request argument supplied: " +
        "min_tokens. Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None",
    ),
    CAP,
  ],
  [
    "OpenRouter",
    400,
    error("Provider returned error", {
      code: 400,
      metadata: { raw: error("Unknown parameter: 'min_tokens'.") },
    }),
    CAP,
  ],
  [
    "serde (Rust)",
    422,
    "Failed to deserialize the JSON body into the target type: unknown field `top_k`, expected " +
    "one of `model`, `messages`, `temperature` at line 1 column 90",
    /take top_k: leave out --top-k/,
  ],
  [
    "serde, of a field that we do not send",
    422,
    "unknown field `best_of`, expected one of `model`, `messages`, `top_k`",
    /refuses the request/,
  ],
  ["Go", 400, '{"error":"json: unknown field \\"seed\\""}', /take seed: leave out --sampling-seed/],
  [
    "JSON Schema",
    400,
    error("Additional properties are not allowed ('stream_options' was unexpected)"),
    /stream_options.*null/,
  ],
  [
    "Python",
    500,
    error("GenerationConfig.__init__() got an unexpected keyword argument 'top_k'"),
    /top_k: leave out --top-k/,
  ],
  ["marshmallow", 422, '{"min_tokens":["Unknown field."]}', CAP],
  [
    "of the user's own",
    400,
    error("Unknown parameter: 'cache_prompt'"),
    /take cache_prompt: take it out of --extra-body/,
  ],
  [
    "vLLM",
    400,
    error("min_tokens must be less than or equal to max_tokens=16, got 64."),
    /refuses a forced length \(min_tokens\): use --length cap/,
  ],
  // A field is named and it is not the cause.
  [
    "vLLM",
    400,
    error(
      "'max_tokens' or 'max_completion_tokens' is too large: 2048. This model's maximum context " +
        "length is 2048 tokens and your request has 100 input tokens",
    ),
    /longer than the model's context: --max-total-tokens 2048 /,
  ],

  // Longer than the context.
  [
    "vLLM",
    400,
    error(
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens " +
        "(4936 in the messages, 64 in the completion). Please reduce the length of the messages.",
      { type: "BadRequestError" },
    ),
    /context: --max-total-tokens 4096 .*--output-tokens/,
  ],
  [
    "SGLang",
    400,
    error("The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
    /context: --max-total-tokens 8192/,
  ],
  [
    "SGLang",
    400,
    error("Requested token count exceeds the model's maximum context length of 8192 tokens."),
    LENGTH,
  ],
  [
    "TGI",
    422,
    '{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: ' +
    '2000 `inputs` tokens and 64 `max_new_tokens`","error_type":"validation"}',
    /context: --max-total-tokens 2048/,
  ],
  [
    "TGI",
    422,
    '{"error":"Input validation error: `inputs` must have less than 1024 tokens. Given: 1100"}',
    LENGTH,
  ],
  [
    "llama.cpp",
    400,
    error("the request exceeds the available context size. try increasing the context size", {
      type: "exceed_context_size_error",
    }),
    LENGTH,
  ],
  [
    "LMDeploy",
    400,
    '{"message":"The input length exceeds the session length","object":"error","code":400}',
    LENGTH,
  ],
  [
    "OpenAI",
    400,
    error("Please reduce the length of the messages.", { code: "context_length_exceeded" }),
    LENGTH,
  ],
  [
    "synthetic prompts",
    400,
    error("This model's maximum context length is 4096 tokens."),
    /--input-tokens, --output-tokens/,
    { dataset: "synthetic" },
  ],

  // Templates: never a word about lengths.
  [
    "vLLM, Mistral",
    400,
    error("Conversation roles must alternate user/assistant/user/assistant/..."),
    TEMPLATE,
  ],
  [
    "vLLM, Mistral",
    400,
    error(
      "After the optional system message, conversation roles must alternate user/assistant/user",
    ),
    TEMPLATE,
  ],
  ["vLLM, Gemma", 400, error("System role not supported"), TEMPLATE],
  [
    "TGI",
    422,
    '{"error":"Template error: syntax error: Conversation roles must alternate"}',
    TEMPLATE,
  ],
  ["llama.cpp", 500, error("Jinja Exception: Conversation roles must alternate"), TEMPLATE],
  [
    "vLLM",
    400,
    error(
      "As of transformers v4.44, default chat template is no longer allowed, so you must provide " +
        "a chat template if the tokenizer does not define one.",
    ),
    /has no chat template: use --protocol openai-completions/,
  ],
  [
    "vLLM",
    400,
    error("The model does not support Chat Completions API"),
    /has no chat template: use --protocol openai-completions/,
  ],

  // Models.
  [
    "vLLM",
    404,
    error("The model `m` does not exist.", { type: "NotFoundError" }),
    /does not serve the model m: it serves a, b: give one by --model/,
    { served: ["a", "b"] },
  ],
  [
    "SGLang",
    404,
    error("Model 'm' not found"),
    /does not serve the model m: give a name that it serves by --model/,
  ],
  [
    "Ollama",
    404,
    '{"error":{"message":"model \\"m\\" not found, try pulling it first"}}',
    /does not serve the model m/,
  ],
  [
    "OpenRouter",
    400,
    error("m is not a valid model ID", { code: 400 }),
    /does not serve the model/,
  ],
  ["OpenRouter", 404, error("No endpoints found for m."), /does not serve the model/],
  [
    "LiteLLM",
    400,
    error(
      "/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view " +
        "available models for your key.",
    ),
    /does not serve the model/,
  ],
  [
    "Azure",
    404,
    error(
      "The API deployment for this resource does not exist. If you created the deployment within " +
        "the last 5 minutes, please wait a moment and try again.",
      { code: "DeploymentNotFound" },
    ),
    /does not serve the model/,
  ],
  [
    "many models",
    404,
    error("The model `m` does not exist."),
    /it serves a, b, c, d, e and 2 others/,
    { served: ["a", "b", "c", "d", "e", "f", "g"] },
  ],

  // Paths.
  [
    "FastAPI",
    404,
    '{"detail":"Not Found"}',
    /no such call: \/v1\/chat\/completions: .*--endpoint PATH/,
  ],
  [
    "llama.cpp",
    404,
    error("File Not Found", { type: "not_found_error" }),
    /no such call.*--endpoint/,
  ],
  ["Go", 404, "404 page not found", /no such call.*--endpoint/],
  ["nginx", 404, "<html><head><title>404 Not Found</title></head>", /no such call.*--endpoint/],
  ["Azure", 404, error("Resource not found", { code: "404" }), /\?api-version=/],
  ["FastAPI", 405, '{"detail":"Method Not Allowed"}', /nothing is posted there.*--endpoint/],
  [
    "another call",
    422,
    detail({ type: "missing", loc: ["body", "prompt"], msg: "Field required" }),
    /wants a field that this protocol does not send: is --protocol right/,
  ],

  // Keys.
  [
    "OpenAI",
    401,
    error("You didn't provide an API key."),
    /no key was sent: give the key with --api-key env:NAME/,
  ],
  [
    "OpenAI",
    401,
    error("Incorrect API key provided: sk-ab***yz."),
    /authorization \(--api-key\) did not satisfy it/,
    { sent: { ...CHAT.sent, credentials: ["authorization (--api-key)"] } },
  ],
  [
    "Azure",
    401,
    error("Access denied due to invalid subscription key or wrong API endpoint."),
    /no key was sent: give the key with --header "api-key: env:NAME"/,
  ],
  ["vLLM", 401, '{"error":"Unauthorized"}', /no key was sent/],
  ["llama.cpp", 401, error("Invalid API Key", { type: "authentication_error" }), /no key was sent/],
  ["LiteLLM", 401, error("Authentication Error, No api key passed in."), /no key was sent/],
  ["OpenRouter", 401, error("No auth credentials found", { code: 401 }), /no key was sent/],
  ["Gemini", 400, error("API key not valid. Please pass a valid API key."), /no key was sent/],
  ["nginx", 403, "<html><head><title>403 Forbidden</title></head>", /forbids the call: no key/],
  [
    "Cloudflare",
    403,
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head>",
    /firewall before it refuses us/,
  ],
  ["Cloudflare", 403, "error code: 1020", /firewall/],
  ["TrustedHost", 400, "Invalid host header", /--header "host: NAME"/],

  // How often.
  [
    "OpenAI",
    429,
    error("Rate limit reached for gpt-4o in organization org-x on requests per min (RPM)"),
    /come back in 20\.0 s \(Retry-After\)/,
    { headers: { "retry-after": "20" } },
  ],
  [
    "Azure",
    429,
    error("Requests to the ChatCompletions_Create Operation have exceeded token rate limit."),
    /come back in 1\.50 s/,
    { headers: { "retry-after-ms": "1500", "retry-after": "2" } },
  ],
  [
    "TGI",
    429,
    '{"error":"Model is overloaded","error_type":"overloaded"}',
    /limits how often.*--wait/,
  ],
  [
    "OpenAI",
    429,
    error("You exceeded your current quota, please check your plan and billing details.", {
      code: "insufficient_quota",
    }),
    /quota is used up: waiting does not help/,
  ],
  [
    "OpenRouter",
    402,
    error("This request requires more credits, or fewer max_tokens."),
    /quota is used up/,
  ],

  // Proxies and starting servers.
  [
    "llama.cpp",
    503,
    error("Loading model", { type: "unavailable_error" }),
    /still loading: --wait/,
  ],
  [
    "nginx",
    502,
    "<html>\r\n<head><title>502 Bad Gateway</title></head>",
    /not the server behind it \(nginx\): .*--wait/,
    { headers: { server: "nginx/1.22.1" } },
  ],
  ["haproxy", 503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available", GATE],
  ["Caddy", 502, "", GATE],
  ["envoy", 503, "upstream connect error or disconnect/reset before headers.", GATE],
  ["envoy", 503, "no healthy upstream", GATE],
  ["Cloudflare", 524, "error code: 524", /the server failed/],
  ["nginx", 413, "<html><head><title>413 Request Entity Too Large</title>", /client_max_body_size/],

  // Redirects.
  [
    "nginx",
    301,
    "",
    /redirects to https:\/\/h\/v1\/chat\/completions: use https:\/\/h$/,
    { headers: { location: "https://h/v1/chat/completions" } },
  ],
  [
    "a slash more",
    307,
    "",
    /use --endpoint \/v1\/chat\/completions\/$/,
    { headers: { location: "/v1/chat/completions/" } },
  ],
  [
    "a secret in it",
    302,
    "",
    /redirects to https:\/\/login\.h\/x\?…: use https:\/\/login\.h\/x$/,
    { headers: { location: "https://login.h/x?token=abc" } },
  ],

  // Protocols.
  [
    "nginx",
    400,
    "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
    /HTTPS is spoken there.*use https:\/\/h:8000/,
  ],
  ["Go", 400, "Client sent an HTTP request to an HTTPS server.\n", /use https:\/\/h:8000/],

  // Something else.
  ["anybody", 400, error("odd"), /refuses the request: tokometer probe/],
  ["anybody", 500, error("CUDA out of memory"), /server failed: see the server's log/],
];

Deno.test("a refusal is answered by what it says", () => {
  for (const [server, status, body, says, facts] of ROWS) {
    const said = readErrorBody(body);
    const { happened, cure } = explainRefusal({ ...CHAT, status, body, said, ...facts });
    const answer = `${happened}: ${cure}`;
    assertMatch(answer, says, `${server} ${status}, ${said}`);
    // That hint is for servers that refused just that.
    if (!/min_tokens|ignore_eos/.test(body)) assert(!answer.includes("--length cap"), answer);
    if (says === TEMPLATE) assert(!/output-tokens|context/.test(answer), answer);
  }
});

Deno.test("what did not arrive is answered by how it failed", () => {
  const rows: readonly (readonly [Partial<RefusalFacts>, RegExp])[] = [
    [{ said: "connection refused" }, /^: is the server running there\? --wait SECONDS/],
    [{ said: "host name not found" }, /check the name/],
    [{ said: "no answer within 1 s", kind: "timeout" }, /--wait SECONDS waits longer/],
    [{ said: "invalid peer certificate: UnknownIssuer" }, /--ca-cert FILE.*--insecure/],
    [
      { said: "UNABLE_TO_VERIFY_LEAF_SIGNATURE unable to verify", caCert: true },
      /not signed by the authority in --ca-cert/,
    ],
    [{ said: "self-signed certificate" }, /--ca-cert FILE/],
    [{ said: "Other(OtherError(CaUsedAsEndEntity))", caCert: true }, /use --transport socket/],
    [{ said: "Other(OtherError(CaUsedAsEndEntity))" }, /--ca-cert FILE.*--insecure/],
    [{ said: 'certificate not valid for name "h"' }, /another name/],
    [{ said: "invalid peer certificate: Expired" }, /expired/],
    [{ said: "CERT_HAS_EXPIRED certificate has expired" }, /expired/],
    [
      { said: "received corrupt message of type InvalidContentType", url: "https://h:8000" },
      /plain HTTP is spoken there and HTTPS was asked: use http:\/\/h:8000/,
    ],
    [{ said: "closed", speaks: { kind: "tls" } }, /use https:\/\/h:8000/],
    [{ said: "closed", speaks: { kind: "http2" } }, /HTTP\/2 only.*gRPC --protocol/],
    [
      { said: "closed", speaks: { kind: "other", greeting: "SSH-2.0" } },
      /no HTTP is spoken there, it says "SSH-2\.0"/,
    ],
    [
      { said: "the server does not speak HTTP/2", carrier: "grpc", url: "grpc://h:1" },
      /take its gRPC port, or an HTTP --protocol/,
    ],
    [
      { said: "x", carrier: "grpc", url: "grpc://h:1", speaks: { kind: "tls" } },
      /use grpcs:\/\/h:1/,
    ],
    [
      { kind: "http_error", status: 16, carrier: "grpc", said: "no token" },
      /no key was sent/,
    ],
    [
      { kind: "http_error", status: 12, carrier: "grpc", said: "unknown service" },
      /no such call/,
    ],
    [
      { kind: "protocol_error", said: 'no event, HTML page "Open WebUI"' },
      /web page answers, and no API.*--endpoint/,
    ],
    [
      { kind: "protocol_error", said: "x", headers: { "content-encoding": "gzip" } },
      /compressed \(gzip\).*turn compression off/,
    ],
    [
      { kind: "engine_error", said: "Unknown parameter: 'min_tokens'." },
      /use --length cap/,
    ],
    [{ kind: "engine_error", said: "CUDA error" }, /engine failed/],
  ];
  for (const [facts, says] of rows) {
    const { happened, cure } = explainRefusal({
      ...CHAT,
      kind: "connect_error",
      status: 0,
      ...facts,
    });
    assertMatch(`${happened}: ${cure}`, says, facts.said);
  }
});

Deno.test("readErrorBody() says of a web page what its title says", () => {
  const pages = [
    ["<!doctype html><title>A &amp; B</title>", 'HTML page "A & B"'],
    ["\n<html><head>\n<title>\n 502 Bad\n Gateway </title>", 'HTML page "502 Bad Gateway"'],
    ["<html><body><h1>503 Service Unavailable</h1>", 'HTML page "503 Service Unavailable"'],
    ["<html></html>", "HTML page without a title"],
    ["<xml>no page</xml>", "<xml>no page</xml>"],
  ] as const;
  for (const [body, said] of pages) assertEquals(readErrorBody(body), said);
});
