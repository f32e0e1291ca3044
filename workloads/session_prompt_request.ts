/**
 * From what a prompt is made of to the request that is sent.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type {
  GenerationRequest,
  Message,
  Protocol,
  Target,
  WireRequest,
} from "../backends/protocol.ts";
import type { PromptSpec } from "./session.ts";
import { fillIds, fillUnits, layTokens } from "./session_prompt_blocks.ts";
import type { UnitTable } from "./session_prompt_units.ts";

/** A prompt that is written out: all messages that are before the answer. */
export interface WrittenPrompt {
  readonly messages: readonly Message[];
}

/** What is the same in all requests of a run. */
export type RequestDefaults = Pick<
  GenerationRequest,
  "length" | "lengthField" | "stream" | "sampling" | "extraBody"
>;

/** What one request has besides its prompt. */
export interface RequestParts {
  readonly outputTokens: number;
  readonly model: string;
  readonly requestId: bigint;
  /** When it is to leave, ms of any one clock, where it is known: what is due first is made first. */
  readonly dueMs?: number;
  /** Headers of its own, over those of the target. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Position of its server among the targets; default 0. */
  readonly server?: number;
  /** Fields that are merged over the request; those that the user gave stand above them. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Tools to offer, as the protocol wants them. */
  readonly tools?: readonly unknown[];
}

/** How prompts of blocks are sent: as texts of words, as the ids of words, or as ids of a vocabulary. */
export type PromptForm =
  | { readonly kind: "text"; readonly units: UnitTable }
  | { readonly kind: "ids"; readonly ids: readonly number[] }
  | { readonly kind: "vocabulary"; readonly size: number };

export interface RequestMakerOptions {
  readonly protocol: Protocol;
  /** Where requests go, secrets included. */
  readonly targets: readonly Target[];
  readonly seed: number;
  readonly form: PromptForm;
  readonly defaults: RequestDefaults;
}

/** Makes the request of a prompt. */
export type RequestMaker = (prompt: PromptSpec | WrittenPrompt, parts: RequestParts) => WireRequest;

/** A maker whose tables are ready. Its requests throw as the protocol's `buildRequest` does. */
export function requestMaker(options: RequestMakerOptions): RequestMaker {
  const { protocol, targets, defaults } = options;
  const contentOf = contentMaker(options);
  return (prompt, parts) => {
    const content = "messages" in prompt ? { messages: prompt.messages } : contentOf(prompt);
    const { tools, headers, server = 0 } = parts;
    const target = targets[server];
    if (target === undefined) {
      throw new RangeError(`Cannot send to server ${server} of ${targets.length}`);
    }
    // Without headers of its own, the same object: address and headers are then made once.
    const own = headers === undefined
      ? target
      : { ...target, headers: { ...target.headers, ...headers } };
    if (tools !== undefined && protocol.takesRoles !== true) {
      throw new TypeError(`Cannot send tools to ${protocol.name}: use openai-chat`);
    }
    return protocol.buildRequest({
      ...requestWithoutPrompt(defaults, parts),
      ...content,
      ...(tools === undefined ? {} : { ownFields: { tools } }),
    }, own);
  };
}

/** What the decoder needs to know of a request: everything but its prompt. */
export function requestWithoutPrompt(
  { extraBody, ...defaults }: RequestDefaults,
  { outputTokens, model, requestId, extra }: RequestParts,
): GenerationRequest {
  const body = extra === undefined ? extraBody : joinPatches(extra, extraBody ?? {});
  return {
    ...{ model, messages: [], outputTokens, requestId },
    ...defaults,
    ...(body === undefined ? {} : { extraBody: body }),
  };
}

/** One patch that does what `first` and then `second` would; `null` still removes a field. */
function joinPatches(
  first: Readonly<Record<string, unknown>>,
  second: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const joined: Record<string, unknown> = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const under = joined[name];
    joined[name] = isObject(value) && isObject(under) ? joinPatches(under, value) : value;
  }
  return joined;
}

type Content = Pick<GenerationRequest, "messages" | "promptTokenIds">;

/** The content of prompts of blocks. */
export function contentMaker(
  { protocol, seed, form }: Pick<RequestMakerOptions, "protocol" | "seed" | "form">,
): (spec: PromptSpec) => Content {
  if (form.kind === "text") {
    const write = messageWriter(form.units);
    return (spec) => {
      const units = layTokens(new Uint8Array(spec.inputTokens), { spec, seed, fill: fillUnits });
      // Without roles there are no borders between messages either.
      const whole = { borders: [spec.inputTokens], hasSystem: false };
      return { messages: write(units, protocol.takesRoles === true ? spec : whole) };
    };
  }
  if (form.kind === "ids") {
    const { ids } = form;
    return (spec) => {
      const units = layTokens(new Uint8Array(spec.inputTokens), { spec, seed, fill: fillUnits });
      return { messages: [], promptTokenIds: Array.from(units, (unit) => ids[unit]!) };
    };
  }
  const fill = fillIds(form.size);
  return (spec) => {
    const ids = layTokens(new Uint32Array(spec.inputTokens), { spec, seed, fill });
    return { messages: [], promptTokenIds: Array.from(ids) };
  };
}

/** Bytes for the text of a unit: a space and at most 24 letters. */
const ROOM = 32;
const decoder = new TextDecoder();

/** Writes the messages of a prompt from its units. */
function messageWriter(
  { behind, front }: UnitTable,
): (units: Uint8Array, borders: Pick<PromptSpec, "borders" | "hasSystem">) => Message[] {
  const encoder = new TextEncoder();
  const texts = new Uint8Array(behind.length * ROOM);
  const lengths = behind.map((text, unit) =>
    encoder.encodeInto(text, texts.subarray(unit * ROOM, (unit + 1) * ROOM)).written
  );
  const longest = Math.max(...lengths, ...front.map(({ length }) => length));
  return (units, { borders, hasSystem }) => {
    // Written as bytes: strings that are put together one by one would each be an object.
    const bytes = new Uint8Array(units.length * longest);
    let start = 0;
    return borders.map((border, number) => {
      let used = start < border ? encoder.encodeInto(front[units[start]!]!, bytes).written : 0;
      for (let at = start + 1; at < border; at++) {
        const unit = units[at]!;
        const from = unit * ROOM;
        const length = lengths[unit]!;
        for (let i = 0; i < length; i++) bytes[used + i] = texts[from + i]!;
        used += length;
      }
      start = border;
      const isUser = (number % 2 === 0) !== hasSystem;
      return {
        role: number === 0 && hasSystem ? "system" : isUser ? "user" : "assistant",
        content: decoder.decode(bytes.subarray(0, used)),
      };
    });
  };
}
