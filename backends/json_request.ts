/**
 * Puts together a request over HTTP with a JSON body: where it goes, which headers, which bytes.
 *
 * @module
 */
import { isObject } from "./json_event.ts";
import type { GenerationRequest, Target, WireRequest } from "./protocol.ts";

const ENCODER = new TextEncoder();

/**
 * The base URL without the part that `path` repeats, so that the server's address, its `/v1` and
 * the full address of the call all mean the same server. `http://` is added where no scheme is.
 *
 * @example
 * ```ts
 *
 * for (const base of ["h:8000", "http://h:8000/v1", "http://h:8000/v1/completions"]) {
 *   const root = serverRoot(base, "/v1/completions");
 *   if (root !== "http://h:8000") throw new Error(root);
 * }
 * ```
 */
export function serverRoot(baseUrl: string, path: string): string {
  const base = (/^[a-z][a-z0-9+.-]*:\/\//i.test(baseUrl) ? baseUrl : `http://${baseUrl}`)
    .replace(/\/+$/, "");
  const host = base.indexOf("/", base.indexOf("://") + 3);
  const given = host < 0 ? "" : base.slice(host);
  const segments = path.split("/").filter((segment) => segment !== "");
  for (let count = segments.length; count > 0; count--) {
    const head = `/${segments.slice(0, count).join("/")}`;
    if (given.endsWith(head)) return base.slice(0, base.length - head.length);
  }
  return base;
}

/**
 * Address of a call: the target's `endpoint` in place of `path` where one is given, which may be a
 * full address; or the base URL itself, where that is the full address of a call which stands
 * elsewhere (`…/deployments/x/chat/completions`). The target's query follows.
 */
export function callUrl(target: Target, path: string): string {
  if (lastCall?.target === target && lastCall.path === path) return lastCall.url;
  const { query } = target;
  const plain = plainCallUrl(target, path);
  const url = query === undefined ? plain : `${plain}${plain.includes("?") ? "&" : "?"}${query}`;
  lastCall = { target, path, url };
  return url;
}

/** Thousands of requests go to one address. */
let lastCall: { readonly target: Target; readonly path: string; readonly url: string } | undefined;

function plainCallUrl(target: Target, path: string): string {
  const call = target.endpoint ?? path;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(call)) return call;
  if (target.endpoint === undefined && foreignRoot(target.baseUrl, path) !== undefined) {
    return target.baseUrl;
  }
  // The protocol's own path is cut off first: a base URL may hold it although `--endpoint` differs.
  const root = serverRoot(target.baseUrl, path);
  return serverRoot(root, call) + (call.startsWith("/") ? call : `/${call}`);
}

/**
 * What a server's other calls stand behind, where the base URL is the full address of a call that
 * has another prefix than `path`: `https://h/openai` for `https://h/openai/chat/completions`.
 * `undefined` for any other base URL.
 */
export function foreignRoot(baseUrl: string, path: string): string | undefined {
  const [, version, call] = /^(\/v\d+)(\/.+)$/.exec(path) ?? [];
  const base = baseUrl.replace(/\/+$/, "");
  if (version === undefined || !base.endsWith(call!) || base.endsWith(path)) return undefined;
  const root = base.slice(0, -call!.length);
  // `/v1/chat/completions` is another call than `/v1/completions`.
  return /\/chat$/.test(root) ? undefined : root;
}

/** Headers of every request: the key as a bearer token only where there is one, then the user's. */
export function requestHeaders(
  target: Target,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const headers: Record<string, string> = { ...own };
  if (target.apiKey) headers["authorization"] = `Bearer ${target.apiKey}`;
  for (const [name, value] of Object.entries(target.headers)) headers[name.toLowerCase()] = value;
  return headers;
}

/**
 * Merges fields over a body as RFC 7396 does: objects are merged key by key, `null` removes a
 * field, all else replaces. Fields whose value is `undefined` are left out.
 */
export function mergeBody(
  body: Readonly<Record<string, unknown>>,
  patch: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (value !== undefined) merged[name] = value;
  }
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (isObject(value)) {
      const under = merged[name];
      merged[name] = mergeBody(isObject(under) ? under : {}, value);
    } else if (value !== undefined) merged[name] = value;
  }
  return merged;
}

/**
 * A POST of `body` with the request's own fields in it, and `extraBody` merged over that
 * ({@linkcode mergeBody}).
 */
export function postJson(
  url: string,
  body: Readonly<Record<string, unknown>>,
  { target, request }: { readonly target: Target; readonly request: GenerationRequest },
): WireRequest {
  const { ownFields, extraBody } = request;
  const fields = ownFields === undefined ? body : { ...body, ...ownFields };
  if (lastHeaders?.target !== target) {
    const headers = requestHeaders(target, { "content-type": "application/json" });
    lastHeaders = { target, headers };
  }
  return {
    method: "POST",
    url,
    headers: lastHeaders.headers,
    body: ENCODER.encode(
      JSON.stringify(extraBody === undefined ? fields : mergeBody(fields, extraBody)),
    ),
  };
}

/** The same for all requests to a target. */
let lastHeaders:
  | { readonly target: Target; readonly headers: WireRequest["headers"] }
  | undefined;
