/**
 * The machine and programs that a result was measured with.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { libcPermission } from "../backends/epoll_libc.ts";
import type { Environment } from "../metrics/run.ts";
import { readCores } from "./effective_cores.ts";

/** Reads what the permissions allow; the rest is left out, never an error. */
export async function readEnvironment(): Promise<Environment> {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    ...readCores(),
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    ...defined({
      ffi: FFI[libcPermission()],
      osRelease: granted("osRelease") ? Deno.osRelease() : undefined,
      hostname: granted("hostname") ? Deno.hostname() : undefined,
      cpu: await readCpuName(),
      memoryMiB: granted("systemMemoryInfo")
        ? Math.round(Deno.systemMemoryInfo().total / 1024 / 1024)
        : undefined,
    }),
  };
}

/** The library that epoll needs may be called, may not, or could be allowed. */
const FFI: Readonly<Record<Deno.PermissionState, boolean | undefined>> = {
  granted: true,
  denied: false,
  prompt: undefined,
};

/** Asked first: the call itself would stop the run at a prompt in an interactive terminal. */
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
