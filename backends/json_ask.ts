/**
 * Questions to a server before the run whose answer is JSON.
 *
 * @module
 */
import { oneLine, readErrorBody } from "./error_message.ts";
import type { Ask, WireRequest } from "./protocol.ts";

/**
 * Asks and parses.
 *
 * @throws {TypeError} when the server refuses.
 * @throws {SyntaxError} when the answer is not JSON.
 */
export async function askJson(request: WireRequest, ask: Ask): Promise<unknown> {
  const { status, body } = await ask(request);
  const answer = new TextDecoder().decode(body);
  const call = `${request.method} ${request.url}`;
  if (status < 200 || status > 299) {
    throw new TypeError(
      `${call} answered ${status}, "${readErrorBody(answer)}"; ` +
        "give --model NAME, or --api-key where the server wants one",
    );
  }
  try {
    return JSON.parse(answer);
  } catch {
    throw new SyntaxError(
      `${call} answered "${oneLine(answer, 120)}", not JSON; ` +
        "check the base URL, or give --model NAME",
    );
  }
}
