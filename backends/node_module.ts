/**
 * Modules of Node that are loaded when they are first used. An import would cost every start and every
 * thread, whether it is used or not: `node:net` 20 ms and 8 MiB, `node:child_process` as much.
 *
 * @module
 */

/** `nodeModule<typeof import("node:net")>("node:net")` returns what gives that module. */
export function nodeModule<T>(name: `node:${string}`): () => T {
  let loaded: T | undefined;
  return () => loaded ??= platform().getBuiltinModule(name) as T;
}

/** What Node calls `process`; asking for it loads that module. */
function platform(): { getBuiltinModule(name: string): unknown } {
  return (globalThis as unknown as { readonly process: ReturnType<typeof platform> }).process;
}
