/**
 * Asks a server for its models before the run.
 *
 * @module
 */
import { oneLine } from "./error_message.ts";
import { askJson } from "./json_ask.ts";
import { isObject, text } from "./json_event.ts";
import { foreignRoot, requestHeaders, serverRoot } from "./json_request.ts";
import type { Ask, Target } from "./protocol.ts";

/**
 * Ids of `GET /v1/models`, in the server's order. The address may be given in any of the forms
 * that the calls accept.
 *
 * @param path path of the protocol's own call, which the base URL may end with.
 * @throws {TypeError} when the server refuses or lists no model.
 * @throws {SyntaxError} when the answer is not a model list.
 */
export async function listOpenaiModels(
  path: string,
  target: Target,
  ask: Ask,
): Promise<readonly string[]> {
  const root = foreignRoot(target.baseUrl, path) ?? `${serverRoot(target.baseUrl, path)}/v1`;
  const url = `${root}/models${target.query === undefined ? "" : `?${target.query}`}`;
  const answer = await askJson({ method: "GET", url, headers: requestHeaders(target) }, ask);
  const list = isObject(answer) ? answer.data : undefined;
  if (!Array.isArray(list)) {
    throw new SyntaxError(
      `Cannot read the model list of ${url} in "${oneLine(JSON.stringify(answer), 120)}": ` +
        "check the base URL, or give --model NAME",
    );
  }
  return namedModels(list.map((model: unknown) => isObject(model) ? text(model.id) : ""), url);
}

/**
 * The one model that an engine names in a field of its description.
 *
 * @throws {TypeError} when the server refuses or names no model.
 * @throws {SyntaxError} when the answer is not JSON.
 */
export async function askModelName(
  url: string,
  field: string,
  { target, ask }: { readonly target: Target; readonly ask: Ask },
): Promise<readonly string[]> {
  const answer = await askJson({ method: "GET", url, headers: requestHeaders(target) }, ask);
  return namedModels([isObject(answer) ? text(answer[field]) : ""], url);
}

/** The names that are not empty. @throws {TypeError} when there is none. */
export function namedModels(names: readonly string[], url: string): readonly string[] {
  const named = names.filter((name) => name !== "");
  if (named.length > 0) return named;
  throw new TypeError(`Cannot choose a model: ${url} lists none; give --model NAME`);
}
