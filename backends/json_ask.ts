/**
 * Questions to a server before the run whose answer is JSON.
 *
 * @module
 */
import { bodyText, describePage, oneLine, readErrorBody } from "./error_message.ts";
import type { Ask, Asked, WireRequest } from "./protocol.ts";

/** A question that a server refused. */
export class RefusedQuestion extends TypeError {
  readonly request: WireRequest;
  readonly answer: Asked;
  /** The server's words, in one line. */
  readonly said: string;

  constructor(request: WireRequest, answer: Asked) {
    const said = readErrorBody(textOf(answer));
    super(`${callOf(request)} answered ${answer.status}, "${said}"`);
    this.name = "RefusedQuestion";
    this.request = request;
    this.answer = answer;
    this.said = said;
  }
}

/**
 * Asks and parses.
 *
 * @throws {RefusedQuestion} when the server refuses.
 * @throws {SyntaxError} when the answer is not JSON.
 */
export async function askJson(request: WireRequest, ask: Ask): Promise<unknown> {
  const asked = await ask(request);
  if (asked.status < 200 || asked.status > 299) throw new RefusedQuestion(request, asked);
  const answer = textOf(asked);
  try {
    return JSON.parse(answer);
  } catch {
    const page = describePage(answer);
    throw new SyntaxError(
      `${callOf(request)} answered ${page ?? `"${oneLine(answer, 120)}"`}, not JSON; ` +
        "check the base URL, or give --model NAME",
    );
  }
}

/** A question is not timed: its answer may be compressed. */
function textOf({ body, headers }: Asked): string {
  return bodyText(body, headers?.["content-encoding"]);
}

/** Without a query, which may hold a secret. */
function callOf({ method, url }: WireRequest): string {
  return `${method} ${url.replace(/\?.*$/, "?…")}`;
}
