/**
 * Who may look at a run that goes on, and who may stop it. The page listens on the loopback address
 * only, which every program of this machine can reach, and through the user's browser every web site:
 *
 * - A web site that lets its own name point to 127.0.0.1 (DNS rebinding) sends its name as `Host`:
 *   only names of the loopback address are answered. Any port is, since `ssh -L` changes it.
 * - A web site that simply asks for our address sends `Sec-Fetch-Site` and `Origin`: refused.
 * - Other users of this machine do not have the token, without which nothing is stopped.
 *
 * @module
 */

/** What is looked at of a request. */
export interface GuardedRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** Token in the query; absent = none. */
  readonly queryToken: string | undefined;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Why a request is refused. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 421;
  /** One line. */
  readonly message: string;
  /** Methods that would do, with 405. */
  readonly allow?: string;
}

/** What is served. */
export const ROUTES: Readonly<
  Record<string, { readonly methods: string; readonly needsToken: boolean }>
> = {
  "/": { methods: "GET, HEAD", needsToken: true },
  "/events": { methods: "GET", needsToken: true },
  "/status": { methods: "GET, HEAD", needsToken: false },
  "/metrics": { methods: "GET, HEAD", needsToken: false },
  "/stop": { methods: "POST", needsToken: true },
};

/** A name or address of this machine's loopback, with any port. */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i;

/** A new token: 128 random bits, as letters that need no escape in a URL. */
export function createToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "").replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** Why a request is not answered; `undefined` = it may be. */
export function refusalOf(request: GuardedRequest, token: string): Refusal | undefined {
  const { method, path, headers } = request;
  const host = headers.host;
  if (typeof host !== "string" || !LOOPBACK_HOST.test(host)) {
    return { status: 421, message: "Only 127.0.0.1, localhost and [::1] are answered here" };
  }
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path]! : undefined;
  if (route === undefined) {
    return { status: 404, message: `Nothing here; try ${Object.keys(ROUTES).join(", ")}` };
  }
  if (!route.methods.split(", ").includes(method)) {
    return { status: 405, message: `Use ${route.methods}`, allow: route.methods };
  }
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode } = headers;
  // A link in a web terminal may open the page; nothing else comes from another site.
  const opened = path === "/" && mode === "navigate";
  if (site !== undefined && site !== "same-origin" && site !== "none" && !opened) {
    return { status: 403, message: "Not for other web sites" };
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    return { status: 403, message: "Not for other web sites" };
  }
  if (route.needsToken && !hasToken(request, token)) {
    return { status: 401, message: "Open the address that the program printed, with its token" };
  }
  return undefined;
}

function hasToken({ headers, queryToken }: GuardedRequest, token: string): boolean {
  const { authorization } = headers;
  const bearer = typeof authorization === "string"
    ? /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    : undefined;
  const given = bearer ?? queryToken;
  return given !== undefined && isSame(given, token);
}

/** Takes equally long for every wrong token of the right length. */
function isSame(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let i = 0; i < token.length; i++) {
    difference |= (given.charCodeAt(i) || 0) ^ token.charCodeAt(i);
  }
  return difference === 0;
}
