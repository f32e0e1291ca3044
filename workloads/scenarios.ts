/**
 * All commands, in the order of the help.
 *
 * @module
 */
import { bench } from "./bench.ts";
import { calibrate } from "./calibrate.ts";
import { demo } from "./demo.ts";
import { numClients } from "./num_clients.ts";
import { probe } from "./probe.ts";
import { profileGeneration } from "./profile_generation.ts";
import { profileRestfulApi } from "./profile_restful_api.ts";
import { profileServing } from "./profile_serving.ts";
import { profileThroughput } from "./profile_throughput.ts";
import { report } from "./report.ts";
import { requestRate } from "./request_rate.ts";
import type { Scenario } from "./scenario.ts";
import { serve } from "./serve.ts";
import { simulate } from "./simulate.ts";
import { sweep } from "./sweep.ts";

/** A new command is one file and one line here; it then has its options, help and examples. */
export const SCENARIOS: readonly Scenario[] = [
  bench,
  report,
  probe,
  serve,
  simulate,
  calibrate,
  demo,
  numClients,
  requestRate,
  sweep,
  profileRestfulApi,
  profileGeneration,
  profileServing,
  profileThroughput,
];
