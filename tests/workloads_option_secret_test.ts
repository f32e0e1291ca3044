import { assertEquals, assertRejects } from "@std/assert";
import { resolveSecrets } from "../workloads/option_secret.ts";
import { UserError } from "../workloads/user_error.ts";
import { FAKE } from "./support/fake_command.ts";

Deno.test("resolveSecrets reads a secret from the environment or a file", async () => {
  const path = await Deno.makeTempFile();
  const name = "TOKOMETER_TEST_SECRET";
  try {
    await Deno.writeTextFile(path, "from file\n");
    Deno.env.set(name, "from env");
    const cases: [string, string][] = [
      ["plain", "plain"],
      ["sk:env:x", "sk:env:x"],
      [`env:${name}`, "from env"],
      [`file:${path}`, "from file"],
    ];
    for (const [given, secret] of cases) {
      const values = await resolveSecrets(FAKE, { "api-key": given, model: `env:${name}` });
      assertEquals(values, { "api-key": secret, model: `env:${name}` });
    }
  } finally {
    Deno.env.delete(name);
    await Deno.remove(path);
  }
});

Deno.test("resolveSecrets says where there was none", async () => {
  const refusal = (given: string) =>
    assertRejects(() => resolveSecrets(FAKE, { "api-key": given }), UserError);
  assertEquals(
    (await refusal("env:TOKOMETER_NO_SUCH")).message,
    "Cannot use --api-key env:TOKOMETER_NO_SUCH: the environment has no TOKOMETER_NO_SUCH",
  );
  assertEquals(
    (await refusal("file:no_such")).message,
    "Cannot use --api-key file:no_such: the file cannot be read",
  );
});
