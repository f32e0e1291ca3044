/**
 * What a server's refusal means and what cures it: a list of rules, of which the first that fits
 * answers. Pure: everything known of the refusal is given.
 *
 * A new server's words are a line in {@linkcode RULES} and a line in the table of its test.
 *
 * @module
 */
import { SAYS_CONTEXT } from "./server_context.ts";
import type { RefusalFacts } from "./server_refusal_facts.ts";
import { factTexts } from "./server_refusal_texts.ts";

/**
 * `[on, says, happened, cure, when]`. `on`: statuses (`4xx` = all of them), kinds of outcomes and
 * mix-ups of protocols, any of which must fit. `says`: what the words must hold. The two texts may
 * use `{facts}` and the groups of `says` as `$1`; a rule whose facts are not known does not fit.
 */
type Rule = readonly [
  on: string,
  says: RegExp,
  happened: string,
  cure: string,
  when?: (facts: RefusalFacts) => boolean,
];

const ANY = /(?:)/;
const REFUSED = "4xx 5xx engine_error";

const KEY =
  "give the key with --api-key env:NAME or --api-key file:PATH; a server that wants it in another " +
  'header takes --header "NAME: env:NAME"';
const WAIT = "--wait SECONDS waits for a server that is starting";
const PATH_CURE =
  "check the address and --protocol; --endpoint PATH names a call that stands elsewhere, and the " +
  "full address of the call works, too";
const LOAD_CURE = "measure with fewer at once (--concurrency, --rate), or raise the server's limit";
const INSECURE = "--insecure accepts any";
const TEMPLATE_CURE =
  "send prompts that it takes (--num-turns 1, no --system-prompt-file), or --protocol " +
  "openai-completions, which applies no template";

/** In the order in which they are tried. */
const RULES: readonly Rule[] = [
  // Another protocol is spoken there.
  ["http→https", ANY, "HTTPS is spoken there and plain HTTP was asked", "use {secureUrl}"],
  ["https→http", ANY, "plain HTTP is spoken there and HTTPS was asked", "use {plainUrl}"],
  [
    "grpc→http",
    ANY,
    "it does not speak HTTP/2 on this port: HTTP/1 is spoken there and gRPC was asked",
    "take its gRPC port, or an HTTP --protocol",
  ],
  [
    "http→grpc",
    ANY,
    "it speaks HTTP/2 only on this port, as gRPC ports do, and HTTP/1.1 was asked",
    "take its HTTP/1.1 port, or a gRPC --protocol",
  ],
  ["http→other", ANY, "no HTTP is spoken there, it says {greeting}", "check host and port"],

  // Certificates.
  [
    "connect_error",
    /CaUsedAsEndEntity/,
    "its certificate is its own authority, which fetch does not accept",
    "use --transport socket, which takes it with --ca-cert",
    ({ caCert }) => caCert === true,
  ],
  [
    "connect_error",
    /UnknownIssuer|CaUsedAsEndEntity|UNABLE_TO_|SELF_SIGNED|self[- ]signed|unknown ca|unable to (get|verify)/i,
    "its certificate is not signed by the authority in --ca-cert",
    `give --ca-cert the authority's certificate, or the server's own; ${INSECURE}`,
    ({ caCert }) => caCert === true,
  ],
  [
    "connect_error",
    /UnknownIssuer|CaUsedAsEndEntity|UNABLE_TO_|SELF_SIGNED|self[- ]signed|unknown ca|unable to (get|verify)/i,
    "its certificate is not signed by an authority that this machine trusts",
    "give --ca-cert FILE with the authority's certificate, or with the server's own if that is " +
    `self-signed; ${INSECURE}`,
  ],
  [
    "connect_error",
    /not ?valid ?for ?name|NotValidForName|ALTNAME|does not match certificate/i,
    "its certificate is for another name",
    `write the name that is in it into the address; ${INSECURE}`,
  ],
  [
    "connect_error",
    /certificate.*expired|CertExpired|CERT_HAS_EXPIRED|NotValidYet|CERT_NOT_YET_VALID/i,
    "its certificate has expired or is not valid yet",
    `check this machine's clock, renew it; ${INSECURE}`,
  ],
  [
    "connect_error",
    /certificate.?required|handshake.?failure|bad.?certificate|ProtocolVersion|no.?cipher/i,
    "the TLS handshake failed",
    "it may want a client certificate, which is not supported: let a proxy add it",
  ],

  // Elsewhere.
  ["3xx", ANY, "it redirects to {location}", "use {redirect}"],
  ["3xx", ANY, "it redirects, and does not say where to", PATH_CURE],

  // Compressed, before the words are read.
  [
    "compressed",
    ANY,
    "its answers are compressed ({coding}) although none was asked for",
    "turn compression off in the server or in the proxy before it (nginx: gzip off; Caddy: no " +
    "encode): a compressor decides when tokens come out",
  ],

  // Who asks.
  ["407", ANY, "a proxy wants a name and a password", "put them into the proxy's variable"],
  [
    "401",
    /subscription key|api-key\b/i,
    "it does not let us in: {credential}",
    'give the key with --header "api-key: env:NAME"',
  ],
  ["401", ANY, "it does not let us in: {credential}", KEY],
  [
    "403",
    /cloudflare|attention required|just a moment|error code: 10\d\d|captcha|waf|firewall/i,
    "a firewall before it refuses us",
    "take the server's own address, or have this client let through",
  ],
  [
    "403 400 421",
    /\bhosts?\b.{0,20}(not allowed|not permitted|invalid|unknown)|(invalid|unknown|disallowed) host/i,
    "it does not take requests for this host name",
    'use the name that it knows, or --header "host: NAME"',
  ],
  ["403", ANY, "it forbids the call: {credential}", `check what the key may do; ${KEY}`],
  [
    REFUSED,
    /(invalid|incorrect|missing|wrong|no|bad) (api[ _-]?key|auth\w*|credential|access token)|unauthori[sz]ed|authentication (error|failed)|api[ _-]?key (is )?(not valid|invalid|missing|required)/i,
    "it does not let us in: {credential}",
    KEY,
  ],

  // How often.
  [
    "402 429 403",
    /insufficient[_ ](quota|credit|balance|funds)|current quota|billing|budget|more credits|payment required/i,
    "the account's quota is used up",
    "waiting does not help: raise the quota, or use another key",
  ],
  ["402", ANY, "the account has no credit left", "waiting does not help: add credit"],
  [
    "429 503",
    ANY,
    "it limits how often it is asked",
    `come back in {retryAfter} (Retry-After), or --wait SECONDS waits for it; ${LOAD_CURE}`,
  ],
  [
    "429",
    ANY,
    "it limits how often it is asked",
    `come back later, or --wait SECONDS waits for it; ${LOAD_CURE}`,
  ],
  [
    REFUSED,
    /rate.?limit|too many requests|overloaded|throttl/i,
    "it has too much to do, or limits how often it is asked",
    `come back later, or --wait SECONDS waits for it; ${LOAD_CURE}`,
  ],

  // Not there yet.
  ["5xx", /loading|starting|not ready|warming|initiali[sz]ing/i, "it is still loading", WAIT],
  [
    "502 503 504",
    ANY,
    "a proxy answers, but not the server behind it{proxy}",
    `start that server, or see the proxy's log; ${WAIT}`,
  ],

  // Prompts that are too long: they name fields, too.
  [
    REFUSED,
    SAYS_CONTEXT,
    "the prompt and its answer are longer than the model's context",
    "{shorter}",
  ],

  // Parameters.
  [
    REFUSED,
    /max_completion_tokens/,
    "it takes max_completion_tokens in place of max_tokens",
    "add --max-completion-tokens",
    ({ sent }) => sent.fields.includes("max_tokens"),
  ],
  [REFUSED, ANY, "it does not take {parameter}", "{withoutParameter}"],
  [
    REFUSED,
    ANY,
    "it refuses a forced length ({forcedField})",
    "use --length cap",
  ],
  [
    REFUSED,
    /api-version/i,
    "it wants a version in the address",
    "give the full address of the call with its query, ?api-version=…",
  ],

  // Templates.
  [
    REFUSED,
    /does not support (the )?chat|not (a|supported as a) chat model|must provide a chat template|chat_template is not set|no chat template|template not found/i,
    "the model has no chat template",
    "use --protocol openai-completions, which needs none",
  ],
  [
    REFUSED,
    /alternat|system role|role.{0,20}not supported|template|jinja|raise_exception|(first|last) message|must start with a user/i,
    "the model's chat template refuses the messages",
    TEMPLATE_CURE,
  ],

  // Names.
  [
    `${REFUSED}`,
    /model\b.{0,120}(not exist|not found|not valid|invalid|unknown|no such|not available|not loaded|not served|not supported|decommissioned|deprecated)|(unknown|invalid|unsupported|no such|non-?existent) model|not a valid model|model_not_found|no endpoints found for|deployment.{0,40}(not exist|not found)|DeploymentNotFound|no deployments available/i,
    "it does not serve the model {model}",
    "{served}",
  ],
  [
    "404",
    /^resource not found/i,
    "there is no such call or deployment: {call}",
    `an Azure address names its deployment and ends in ?api-version=…; ${PATH_CURE}`,
  ],
  ["404", ANY, "there is no such call: {call}", PATH_CURE],
  ["405", ANY, "nothing is posted there: {call}", PATH_CURE],
  [
    "413",
    ANY,
    "the request is too large",
    "shorten it, or raise the limit (nginx: client_max_body_size)",
  ],
  [
    "400 422 engine_error",
    /field required|missing field|required (property|parameter|field|argument)|missing required/i,
    "it wants a field that this protocol does not send",
    "is --protocol right? --extra-body adds a field",
  ],
  [
    "4xx",
    ANY,
    "it refuses the request",
    "tokometer probe shows what is sent; see the server's log",
  ],
  ["5xx", ANY, "the server failed", "see the server's log"],
  ["engine_error", ANY, "the engine failed", "see the server's log"],

  // No answer at all.
  [
    "connect_error",
    /host name not found/,
    "",
    "check the name in the address",
  ],
  ["connect_error", /connection refused/, "", `is the server running there? ${WAIT}`],
  ["connect_error", /: (use|raise|take) /, "", ""],
  ["connect_error", ANY, "", `is the server running there? ${WAIT}`],
  [
    "timeout",
    ANY,
    "",
    "check the address; --wait SECONDS waits longer, for a server that is starting or busy",
  ],

  // Answers of something else.
  [
    "protocol_error",
    /HTML page/,
    "a web page answers, and no API",
    PATH_CURE,
  ],
  [
    "protocol_error",
    /larger than/,
    "no LLM server answers so",
    "is it one that speaks this protocol? --max-answer allows longer generations",
  ],
  ["truncated", ANY, "its answer broke off", "see the server's log"],
  ["any", ANY, "its answer is none of this protocol", "is --protocol right?"],
];

/** What a refusal means. */
export interface Explained {
  /** One clause: what happened, seen from us; empty where the words say it. */
  readonly happened: string;
  /** One clause: what to do. */
  readonly cure: string;
}

/** The first rule that fits; the last one always does. */
export function explainRefusal(facts: RefusalFacts): Explained {
  const texts = factTexts(facts);
  for (const [on, says, happened, cure, when] of RULES) {
    if (!on.split(" ").some((each) => each === "any" || texts.on.has(each))) continue;
    const found = says.exec(facts.said);
    if (found === null || when?.(facts) === false) continue;
    const [first, second] = [happened, cure].map((text) => fill(text, texts.values));
    if (first !== undefined && second !== undefined) return { happened: first, cure: second };
  }
  throw new Error("the last rule fits everything");
}

/** The text with its facts; `undefined` where one of them is not known. */
function fill(
  template: string,
  values: Readonly<Record<string, string | undefined>>,
): string | undefined {
  let known = true;
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    known &&= values[name] !== undefined;
    return values[name] ?? "";
  });
  return known ? text : undefined;
}
