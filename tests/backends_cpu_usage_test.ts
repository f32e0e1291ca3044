import process from "node:process";
import { assert } from "@std/assert";
import { cpuUsage } from "../backends/cpu_usage.ts";

const sum = ({ user, system }: { readonly user: number; readonly system: number }) => user + system;

Deno.test("cpuUsage is what Node calls so, in microseconds", () => {
  const usages = [process.cpuUsage(), cpuUsage(), process.cpuUsage(), cpuUsage()].map(sum);
  assert(usages[0]! > 0);
  assert(usages.every((usage, i) => i === 0 || usage >= usages[i - 1]!), usages.join());
});
