/**
 * Command lines in a network of their own, where every port is free.
 *
 * @module
 */

/** A network with nothing in it but itself; its processes end with the shell, which takes a script. */
export const ALONE: readonly string[] = [
  ...["timeout", "--signal=KILL", "180"],
  ...["unshare", "--map-root-user", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"],
  ...["sh", "-euc"],
];

/** Whether this machine lets us have one. */
export function canBeAlone(): boolean {
  try {
    const [command, ...args] = [...ALONE, "ip link set lo up"];
    return new Deno.Command(command!, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
