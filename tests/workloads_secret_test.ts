import { assertEquals } from "@std/assert";
import { command as bench } from "../workloads/command_bench.ts";
import { keepHeader, keepSecrets } from "../workloads/option_secret.ts";
import { keepSecret, placesOfSecrets, shown, withoutSecrets } from "../workloads/secret.ts";
import { findSecrets, formsOf } from "../workloads/secret_forms.ts";
import { isSecretName, withoutPassword } from "../workloads/secret_names.ts";
import { ENCODINGS } from "./support/echo_server.ts";

Deno.test("withoutSecrets finds a secret as it is, and in every encoding", () => {
  for (
    const secret of ["s3cret", "pass word/é+=", 'qu"ote\\d', "日本語の秘密の言葉", "1234567890123"]
  ) {
    keepSecret(secret);
    for (const encode of ENCODINGS) {
      const form = encode(secret);
      const text = withoutSecrets(`Wrong: [${form}] and ${form}.`);
      // JSON's quotes and what fills up Base64 are not part of it.
      const left = text.replace(/[\\"]|(?<=\*\*\*)\w{0,2}=*|\w{0,4}(?=\*\*\*)/g, "");
      assertEquals(left, "Wrong: [***] and ***.", form);
    }
  }
});

Deno.test("withoutSecrets masks what a cut has left of a secret", () => {
  keepSecret("cut-0123456789-off");
  assertEquals(withoutSecrets("key cut-01234567… is"), "key ***… is");
  assertEquals(withoutSecrets("key cut-01234567... is"), "key ***... is");
  assertEquals(withoutSecrets("key cut-0123"), "key ***");
  assertEquals(withoutSecrets("key cut-012"), "key cut-012");
  assertEquals(withoutSecrets("key cut-0123 is"), "key cut-0123 is");
});

Deno.test("short values and words for no key are not looked for", () => {
  for (const word of ["1", "EMPTY", "none", "test", "sk-1", "bearer", "123456"]) {
    keepSecret(word);
    assertEquals(withoutSecrets(`The ${word} is`), `The ${word} is`);
  }
  keepSecret("87654321");
  assertEquals(withoutSecrets("87654321 of 1876543210"), "*** of 1876543210");
});

Deno.test("findSecrets names places without overlaps, and leaves a plain text alone", () => {
  const a = formsOf("abcdefgh1");
  const b = formsOf("fgh1-23456");
  const forms = { anywhere: [...a.anywhere, ...b.anywhere], alone: [] };
  assertEquals(findSecrets("--abcdefgh1-23456--ABCDEFGH1", forms), [[2, 17], [19, 28]]);
  assertEquals(findSecrets("%61bcdefgh%31 \\u0061bcdefgh1", forms), [[0, 13], [14, 28]]);
  assertEquals(placesOfSecrets("nothing % \\ & here"), []);
});

Deno.test("shown leaves neither secrets nor control characters", () => {
  keepSecret("shown-s3cret");
  assertEquals(shown("\x1b[31mshown-s3cret\u202e\n"), "�[31m***�\n");
});

Deno.test("keepSecrets knows keys in URLs, arguments and bodies by their names", () => {
  const found = (values: Parameters<typeof keepSecrets>[1], text: string) => {
    keepSecrets({ ...bench.options }, values);
    return withoutSecrets(text);
  };
  const cases: [Parameters<typeof keepSecrets>[1], string][] = [
    [{ apiKey: "opt10n-key" }, "opt10n-key"],
    [{ header: ["Authorization: Bearer h3ader-token"] }, "h3ader-token"],
    [{ header: [`Authorization: Basic ${btoa("user:b4sic-pass")}`] }, "b4sic-pass"],
    [{ header: ["Cookie: a=b; session=c00kie-session"] }, "c00kie-session"],
    [{ url: "http://user:ur1-pass@host/" }, "ur1-pass"],
    [{ url: "http://ur1-user-token@host/" }, "ur1-user-token"],
    [{ endpoint: "/v1?api-key=3ndpoint-key&x=1" }, "3ndpoint-key"],
    [{ endpoint: "/v1?code=3ndpoint-code" }, "3ndpoint-code"],
    [{ endpoint: "/v1?k=0123456789abcdef0123" }, "0123456789abcdef0123"],
    [{ launchArgs: "--hf-token l4unch-token --tp 2" }, "l4unch-token"],
    [{ launchArgs: "--api-key='l4unch key'" }, "l4unch key"],
    [{ extraBody: { user: { accessToken: "b0dy-token" } } }, "b0dy-token"],
    [
      { extraBody: { tools: [{ headers: { authorization: "Bearer b0dy-bearer" } }] } },
      "b0dy-bearer",
    ],
    [{ extraBody: { note: "sk-b0dy0123456789abcdef" } }, "sk-b0dy0123456789abcdef"],
  ];
  for (const [values, secret] of cases) assertEquals(found(values, `[${secret}]`), "[***]");
  for (
    const [values, word] of [
      [{ extraBody: { stop_token: "st0p-token", model: "m0del-name-7B" } }, "st0p-token"],
      [{ endpoint: "/v1?api-version=2024-10-01-preview" }, "2024-10-01-preview"],
      [{ launchArgs: "--max-num-batched-tokens 81920000" }, "81920000"],
      [{ header: ["Accept: text/event-stream"] }, "text/event-stream"],
      [{ apiKey: "env:S0ME_VARIABLE" }, "env:S0ME_VARIABLE"],
      [{ header: ["Authorization: Bearer env:S0ME_OTHER"] }, "env:S0ME_OTHER"],
    ] as const
  ) assertEquals(found(values, `[${word}]`), `[${word}]`);
});

Deno.test("proxies of the environment have passwords", () => {
  Deno.env.set("ALL_PROXY", "http://me:pr0xy-password@127.0.0.1:1");
  try {
    keepSecrets(bench.options, {});
  } finally {
    Deno.env.delete("ALL_PROXY");
  }
  assertEquals(withoutSecrets("407 for pr0xy-password"), "407 for ***");
});

Deno.test("withoutPassword shows a URL without its user and without keys in its query", () => {
  for (
    const [url, shown] of [
      ["http://a:b@c@host/x?y=1", "http://host/x?y=1"],
      ["https://host?api-version=1&api-key=k#f", "https://host?api-version=1&api-key=***#f"],
      ["https://host?sig=a%2Bb;token=c", "https://host?sig=***;token=***"],
      ["mail me@host, 1 key=2", "mail me@host, 1 key=2"],
    ] as const
  ) assertEquals(withoutPassword(url), shown);
});

Deno.test("isSecretName tells keys from tokens of a text", () => {
  for (
    const name of ["api_key", "apiKey", "X-Api-Key", "token", "hf_token", "clientSecret", "auth"]
  ) {
    assertEquals(isSecretName(name), true, name);
  }
  for (
    const name of ["keys", "max_tokens", "stop_token", "pad-token", "tokenizer", "monkey", "author"]
  ) {
    assertEquals(isSecretName(name), false, name);
  }
});

Deno.test("keepHeader takes the key out of what stands around it", () => {
  keepHeader("x-custom", 'Token token="custom-t0ken", id=4');
  assertEquals(withoutSecrets("no custom-t0ken"), "no ***");
});
