/**
 * Addresses of this machine, to which no proxy of the environment leads.
 *
 * @module
 */

/** Names, addresses and ranges, as `NO_PROXY` lists them. A server on 0.0.0.0 is asked there, too. */
export const LOCAL_ADDRESSES: readonly string[] = [
  "localhost",
  "127.0.0.0/8",
  "::1",
  "0.0.0.0",
  "::",
];

/** Whether it is this machine, by name or address; IPv6 with or without its brackets. */
export function isLocal(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[?::1?\]?)$/i.test(host);
}
