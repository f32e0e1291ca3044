/** What the agents of a fleet are told of a plan. */
import { assertEquals, assertThrows } from "@std/assert";
import { planBench } from "../workloads/run_bench.ts";
import { tellPlan } from "../workloads/fleet_told_plan.ts";
import { UserError } from "../workloads/user_error.ts";

const URL = "http://10.0.0.5:8000";

Deno.test("values that differ from the usual ones travel, with the salt that was drawn", async () => {
  const plan = await planBench(URL, { rate: [4, Infinity], requests: 10 });
  const values = { rate: [4, Infinity], requests: 10, seed: 0, warmup: undefined, gpu: "auto" };
  const told = tellPlan(values, plan, { urls: [URL], sendKey: false });
  assertEquals(
    told,
    {
      urls: [URL],
      options: { rate: [4, "inf"], requests: 10, salt: plan.salt },
      secrets: undefined,
    } as unknown as typeof told,
  );
  const again = await planBench(URL, told.options);
  assertEquals([again.salt, again.loads, again.stops], [plan.salt, plan.loads, plan.stops]);
});

Deno.test("what is secret travels apart, and only when it is asked to", async () => {
  const given = {
    apiKey: "abcdef-1234567",
    header: ["X-Token: qwertz-1234567"],
    extraBody: { user: { token: "yxcvb-1234567" } },
  };
  const secretUrl = "http://me:poiuz-1234567@10.0.0.5:8000";
  const plan = await planBench(secretUrl, given);
  const told = tellPlan(given, plan, { urls: [secretUrl], sendKey: true });
  assertEquals(told.secrets?.options, given);
  assertEquals(told.secrets?.urls, [secretUrl]);
  const open = JSON.stringify([told.urls, told.options]);
  assertEquals(/1234567/.test(open), false, open);
  assertThrows(
    () => tellPlan(given, plan, { urls: [secretUrl], sendKey: false }),
    UserError,
    "Cannot use --api-key, --header, --extra-body, the password in the address with --fleet",
  );
});

Deno.test("texts of answers and models in this process have no place in a fleet", async () => {
  const plan = await planBench(URL, {});
  assertThrows(
    () => tellPlan({ saveText: true }, plan, { urls: [URL], sendKey: false }),
    UserError,
    "--save-text with --fleet",
  );
  assertThrows(
    () => tellPlan({}, { ...plan, protocol: "transformers" }, { urls: [], sendKey: false }),
    UserError,
    "--protocol transformers with --fleet",
  );
});
