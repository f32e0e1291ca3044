/**
 * The machine and programs a result was measured with.
 *
 * @module
 */
import type { Environment } from "../metrics/run.ts";

/** Reads what the permissions allow; what is denied or unknown is left out, never an error. */
export async function readEnvironment(): Promise<Environment> {
  const memory = granted("systemMemoryInfo") ? Deno.systemMemoryInfo().total : undefined;
  const osRelease = granted("osRelease") ? Deno.osRelease() : undefined;
  const hostname = granted("hostname") ? Deno.hostname() : undefined;
  const cpu = await readCpuName();
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    ...(osRelease === undefined ? {} : { osRelease }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memoryMiB: Math.round(memory / 1024 / 1024) }),
  };
}

/** Asking first: a denied call in an interactive terminal would stop the run at a prompt. */
function granted(kind: "systemMemoryInfo" | "osRelease" | "hostname"): boolean {
  return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
}

async function readCpuName(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const path = "/proc/cpuinfo";
  const permission = await Deno.permissions.query({ name: "read", path });
  if (permission.state !== "granted") return undefined;
  try {
    const text = await Deno.readTextFile(path);
    return /^model name\s*:\s*(.+)$/m.exec(text)?.[1]?.trim();
  } catch {
    return undefined;
  }
}
