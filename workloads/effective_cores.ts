/**
 * How many processors this process may really use: fewer than the machine has where it is pinned
 * (`taskset`, a cpuset) or in a container with a CPU quota.
 *
 * @module
 */

/** Processors of the machine, and those that may be used. */
export interface Cores {
  /** Logical processors of the machine, as far as they can be seen. */
  readonly cores: number;
  /** By affinity and quota; not whole where the quota is not, e.g. 0.5. */
  readonly effectiveCores: number;
}

/** Where they are read; default: this machine. */
export interface CoreSources {
  /** `undefined` where a file does not exist or is hidden. */
  readonly readText: (path: string) => string | undefined;
  /** What the runtime says: it knows affinity, and rounds a quota down to at least 1. */
  readonly runtimeCores: number;
}

/**
 * Counts the processors. Deno opens `/proc` and `/sys` to `--allow-all` only, and never asks for it;
 * where they are hidden, the runtime's own number stands for both.
 */
export function readCores(sources: CoreSources = THIS_MACHINE): Cores {
  const { readText, runtimeCores } = sources;
  const status = readText("/proc/self/status") ?? "";
  const allowed = countCpus(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]);
  const quota = readCpuQuota(readText);
  const effectiveCores = quota === undefined
    ? Math.min(allowed ?? runtimeCores, runtimeCores)
    : Math.min(allowed ?? runtimeCores, quota);
  const online = countCpus(readText("/sys/devices/system/cpu/online"));
  return { cores: Math.max(online ?? runtimeCores, Math.ceil(effectiveCores)), effectiveCores };
}

const THIS_MACHINE: CoreSources = {
  readText(path) {
    if (Deno.build.os !== "linux") return undefined;
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return undefined;
    }
  },
  runtimeCores: navigator.hardwareConcurrency,
};

/** Processors of a list such as `0-3,8`; absent when it is none. */
function countCpus(list: string | undefined): number | undefined {
  if (list === undefined) return undefined;
  let count = 0;
  for (const part of list.trim().split(",")) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (range === null) return undefined;
    count += Number(range[2] ?? range[1]) - Number(range[1]) + 1;
  }
  return count;
}

/** Where a hierarchy of control groups is mounted, and which part of it. */
interface Mount {
  readonly root: string;
  readonly at: string;
}

/**
 * The smallest CPU quota of this process's control group and of those above it, in processors; absent
 * when none has one.
 */
function readCpuQuota(readText: CoreSources["readText"]): number | undefined {
  const groups = readText("/proc/self/cgroup");
  const mounts = readText("/proc/self/mountinfo");
  if (groups === undefined || mounts === undefined) return undefined;
  const quotas: number[] = [];
  for (const line of groups.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const isV2 = controllers === "";
    if (!isV2 && !controllers.split(",").includes("cpu")) continue;
    const mount = findMount(mounts, isV2);
    if (mount === undefined) continue;
    for (const folder of foldersOf(path, mount)) {
      const quota = isV2 ? readQuotaV2(readText(`${folder}/cpu.max`)) : readQuotaV1(
        readText(`${folder}/cpu.cfs_quota_us`),
        readText(`${folder}/cpu.cfs_period_us`),
      );
      if (quota !== undefined) quotas.push(quota);
    }
  }
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** Fields of a mount: … root, mount point, options … `-` type, source, options of the hierarchy. */
function findMount(mounts: string, isV2: boolean): Mount | undefined {
  for (const line of mounts.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [type, , options = ""] = right.split(" ");
    const fits = isV2
      ? type === "cgroup2"
      : type === "cgroup" && options.split(",").includes("cpu");
    const [, , , root, at] = left.split(" ");
    if (fits && root !== undefined && at !== undefined) {
      return { root: unescapeOctal(root), at: unescapeOctal(at) };
    }
  }
  return undefined;
}

/** The group's folder and those above it, as far as they are mounted. */
function foldersOf(path: string, { root, at }: Mount): readonly string[] {
  // A container may see its own group as the root, and itself above it or nowhere.
  const inside = root === "/" ? path : path.startsWith(`${root}/`) ? path.slice(root.length) : "/";
  const parts = inside.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from(
    { length: parts.length + 1 },
    (_, depth) => [at.replace(/\/$/, ""), ...parts.slice(0, depth)].join("/"),
  );
}

/** `50000 100000`: microseconds per period; `max` = no limit. */
function readQuotaV2(text: string | undefined): number | undefined {
  const [, quota, period] = /^(\d+) (\d+)/.exec(text ?? "") ?? [];
  return quotient(Number(quota), Number(period));
}

/** −1 = no limit. */
function readQuotaV1(quota: string | undefined, period: string | undefined): number | undefined {
  return quotient(Number(quota), Number(period));
}

function quotient(quota: number, period: number): number | undefined {
  return quota > 0 && period > 0 ? quota / period : undefined;
}

/** Spaces in paths are written as `\040`. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
}
