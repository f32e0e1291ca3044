/**
 * The client and the GPUs of a load in a table.
 *
 * @module
 */
import { formatCount, formatMib, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { GpuDeviceSummary } from "./load_series.ts";
import type { LoadSummary } from "./load_summary.ts";
import { labelled, type Page } from "./report_table_page.ts";

/** What the client measured of itself. */
export function clientText(client: NonNullable<LoadSummary["client"]>): string {
  const { loopLagMaxMs, replacedConnections = 0 } = client;
  const most = loopLagMaxMs === undefined ? "" : ` (max ${formatMs(loopLagMaxMs)})`;
  return known([
    [client.cpuCores, (cores) => `${formatNumber(cores)} cores busy`],
    [client.threadCpu, (share) => `reading thread ${formatShare(share)} busy`],
    [client.threadWait, (share) => `${formatShare(share)} waiting for a core`],
    [client.loopLagP99Ms, (ms) => `timers late by ${formatMs(ms)} at p99${most}`],
    [client.kernelStampedReads, (share) => `${formatShare(share)} of reads stamped by the kernel`],
    [client.peakRssMiB, (mib) => `${formatCount(mib)} MiB memory`],
    [
      client.descriptors,
      (n) => `${formatCount(n)} of ${formatCount(client.descriptorLimit)} files open`,
    ],
    [replacedConnections || undefined, (count) => `${plural(count, "connection")} replaced`],
  ]) || "not measured";
}

/** A line for each GPU, and one for the energy of all. */
export function gpuLines({ gpu }: LoadSummary, page: Page): readonly string[] {
  if (gpu === undefined) return [];
  const { total } = gpu;
  const lines = gpu.devices.flatMap((device) =>
    labelled(`GPU ${device.index}`, gpuText(device), page)
  );
  if (total.energyJ === undefined) return lines;
  const energy = `${formatNumber(total.energyJ)} J, ${
    formatNumber(total.joulesPerOutputToken)
  } J per output token`;
  const part = total.devices.length < gpu.devices.length
    ? ` on GPU ${total.devices.join(", ")}`
    : "";
  return [...lines, ...labelled("GPU energy", energy + part, page)];
}

function gpuText(device: GpuDeviceSummary): string {
  const all = device.memoryTotalMiB === undefined ? "" : ` of ${formatMib(device.memoryTotalMiB)}`;
  const rest = known([
    [device.memoryRiseMiB, (mib) => `${formatMib(mib)} more than before`],
    [device.ownMaxMiB, (mib) => `${formatMib(mib)} by this program`],
    [device.otherMaxMiB, (mib) => `${formatMib(mib)} by others`],
    [device.utilizationMean, (share) => `${formatShare(share)} busy`],
    [device.powerMeanW, (watts) => `${formatNumber(watts)} W`],
  ]);
  const memory = `${device.name}: at most ${formatMib(device.memoryMaxMiB)}${all}`;
  return rest === "" ? memory : `${memory}, ${rest}`;
}

/** Texts of the values that are known, in one line. */
function known(
  parts: readonly (readonly [number | undefined, (value: number) => string])[],
): string {
  return parts.flatMap(([value, text]) => value === undefined ? [] : text(value)).join(", ");
}
