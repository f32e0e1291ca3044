import { assertEquals, assertNotEquals } from "@std/assert";
import { CLIENTS_COLUMNS, clientsRow } from "../metrics/script_clients_row.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

const GOLDEN = "3,0.750,1.500,36,9,12.000,3.000,20,5,4.500,22.500," +
  "50.000,200.000,116.667,100.000,62.361,180.000,198.000," +
  "100.000,150.000,125.000,125.000,25.000,145.000,149.500," +
  "60.000,500.000,353.333,500.000,207.418,500.000,500.000," +
  "100.000,200.000,116.667,100.000,37.268,150.000,195.000";

/** Three answers and a failure of the script's golden row; D = 2 s. */
const RECORDS = [
  createRecord({
    promptTokens: { tokens: 10, source: "usage" },
    ticks: [[100, 1], [200, 2], [300, 3], [400, 4], [500, 5]],
  }),
  createRecord({
    promptTokens: { tokens: 20, source: "usage" },
    ticks: [[200, 1], [300, 2], [500, 3]],
  }),
  createFailure("http_error", { promptTokens: { tokens: 7, source: "usage" } }),
  createRecord({
    promptTokens: { tokens: 6, source: "usage" },
    ticks: [[50, 1]],
    endMs: 60,
  }),
];

Deno.test("clientsRow prints the golden row of the num-clients script", () => {
  assertEquals(clientsRow(RECORDS, 2000).join(","), GOLDEN);
});

Deno.test("clientsRow runs latency to the end mark, not to the last token", () => {
  // Its third answer ends 10 ms after its only token: min_e2e is 60, not 50.
  const row = clientsRow(RECORDS, 2000);
  assertEquals(row[CLIENTS_COLUMNS.indexOf("min_e2e")], "60.000");
});

Deno.test("clientsRow has a cell for each of the 39 names (T35)", () => {
  assertEquals(CLIENTS_COLUMNS.length, 39);
  assertEquals(
    CLIENTS_COLUMNS.join(","),
    "completed,success_rate,qps,total_inlen,total_outlen,avg_inlen,avg_outlen,max_inlen," +
      "max_outlen,o_tps,io_tps," +
      ["ttft", "tpot", "e2e", "itl"].flatMap((metric) =>
        ["min", "max", "mean", "median", "std", "p90", "p99"].map((name) => `${name}_${metric}`)
      ).join(","),
  );
  assertEquals(clientsRow(RECORDS, 2000).length, 39);
});

Deno.test("clientsRow of no completed request is zeros, as in the script (T14)", () => {
  const row = clientsRow([createFailure("timeout")], 2000);
  assertEquals(row.map(Number), new Array(39).fill(0));
  assertEquals([row[0], row[1]], ["0", "0.000"]);
});

Deno.test("clientsRow leaves cancelled and dropped requests out of the success rate", () => {
  const more = [...RECORDS, createFailure("cancelled"), createFailure("dropped")];
  assertEquals(clientsRow(more, 2000).join(","), GOLDEN);
  assertNotEquals(clientsRow([...RECORDS, createFailure("timeout")], 2000).join(","), GOLDEN);
});
