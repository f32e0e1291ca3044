/**
 * Opens libraries of the system. A bare name is dangerous: under `--allow-ffi=libc.so.6` Deno takes it
 * for a file of the current folder, and loads what lies there. Only whole paths and, where every
 * library is allowed, the system's own loader are used here.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";

/** Folders that belong to the system, by what most machines have. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  linux: [
    `/lib/${Deno.build.arch}-linux-gnu`,
    `/usr/lib/${Deno.build.arch}-linux-gnu`,
    ...["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/lib/wsl/lib"],
  ],
  windows: ["C:\\Windows\\System32", "C:\\Program Files\\NVIDIA Corporation\\NVSMI"],
};

/**
 * Whether a library may be opened: every one, or this one by its path. Never asks.
 *
 * @param name file name such as `libc.so.6`, or a path of the caller's own.
 */
export function libraryPermission(name: string): Deno.PermissionState {
  const { state } = Deno.permissions.querySync({ name: "ffi" });
  if (state === "granted" || state === "denied") return state;
  return pathsOf(name).some(isGranted) ? "granted" : state;
}

/**
 * Opens a library of the system, or the caller's own by its path.
 *
 * @throws {Deno.errors.NotCapable} without the permission; its message holds the path to allow.
 * @throws {Error} when there is no such library.
 */
export function openSystemLibrary<const S extends Deno.ForeignLibraryInterface>(
  name: string,
  symbols: S,
): Deno.DynamicLibrary<S> {
  // The loader knows the library that is in use already, wherever it is. That of Windows looks into
  // the current folder as well.
  const { state } = Deno.permissions.querySync({ name: "ffi" });
  if (state === "granted" && Deno.build.os !== "windows") return Deno.dlopen(name, symbols);
  const paths = pathsOf(name);
  const granted = paths.filter(isGranted);
  let failure: unknown;
  for (const path of granted) {
    try {
      return Deno.dlopen(path, symbols);
    } catch (error) {
      failure = error;
    }
  }
  if (granted.length > 0) throw new Error(messageOf(failure), { cause: failure });
  const path = paths.find(exists) ?? paths[0];
  if (path === undefined) throw new Deno.errors.NotCapable("Requires ffi access, for " + name);
  // Refused, with this path in the message, or asked for in a terminal.
  return Deno.dlopen(path, symbols);
}

function pathsOf(name: string): readonly string[] {
  if (/[/\\]/.test(name)) return [name];
  const separator = Deno.build.os === "windows" ? "\\" : "/";
  return (FOLDERS[Deno.build.os] ?? []).map((folder) => `${folder}${separator}${name}`);
}

function isGranted(path: string): boolean {
  return Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
}

/** False where files may not be looked at. */
function exists(path: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
