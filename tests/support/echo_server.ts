/**
 * A server that repeats what it was sent, as proxies and frameworks do in their refusals, each time
 * in another encoding; every second request succeeds, and its answer repeats it as well.
 *
 * @module
 */
import { encodeBase64Text, encodeHtml, encodePercent, encodeUnicode } from "./text_encodings.ts";

/** Encodings in which servers quote what they refuse. */
export const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => encodeURIComponent(encodeURIComponent(text)),
  encodePercent,
  (text) => JSON.stringify(text),
  (text) => JSON.stringify(JSON.stringify(text)),
  encodeUnicode,
  encodeHtml,
  encodeBase64Text,
  (text) => encodeBase64Text(`x${text}`),
  (text) => encodeBase64Text(`xy${text}`).replaceAll("+", "-").replaceAll("/", "_"),
  (text) => text.toUpperCase(),
];

/** A running server. */
export interface EchoServer {
  readonly url: string;
  /** The secrets that it was sent, and repeated. */
  readonly repeated: ReadonlySet<string>;
  stop(): Promise<void>;
}

/**
 * Starts on a free port of the loopback interface.
 *
 * @param options.secrets what it looks for in a request, and repeats.
 * @param options.refuse every request, also the first one.
 */
export function startEchoServer(
  { secrets, refuse = false }: { readonly secrets: readonly string[]; readonly refuse?: boolean },
): EchoServer {
  const repeated = new Set<string>();
  let count = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const head = [...request.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    const got = `${request.method} ${pathname}${search}\n${head}\n${await request.text()}`;
    const number = count++;
    const plain = got + atobOrNothing(/basic (\S+)/i.exec(got)?.[1] ?? "");
    const found = secrets.filter((secret) =>
      [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
        .some((form) => plain.includes(form))
    );
    for (const one of found) repeated.add(one);
    const encode = ENCODINGS[(number >> 1) % ENCODINGS.length]!;
    // One after the other in front: a message is cut after some hundred characters.
    const first = found.length === 0 ? [] : found.slice(number % found.length);
    const quoted = [...first, ...found].map((one) => `'${encode(one)}'`).join(" or ");
    if (pathname.endsWith("/models")) {
      return refuse ? refusal(quoted) : Response.json({ data: [{ id: "echo" }] });
    }
    // The request before the load is the first of these.
    if (refuse || number % 2 === 1 && number > 2) return refusal(quoted);
    const delta = (text: string, finish: string | null) =>
      `data: ${
        JSON.stringify({
          choices: [{ index: 0, delta: { content: text }, text, finish_reason: finish }],
        })
      }\n\n`;
    const words = [`You sent ${quoted}. `, "Bye", "."];
    const body = words.map((word) => delta(word, null)).join("") +
      delta("", `stop ${quoted}`) + "data: [DONE]\n\n";
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    repeated,
    stop: () => server.shutdown(),
  };
}

function refusal(quoted: string): Response {
  return Response.json({ error: { message: `Refused: ${quoted}` } }, { status: 401 });
}

function atobOrNothing(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}
