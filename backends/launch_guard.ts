/**
 * Ends a server when this process ends in any way: a crash, `kill -9`, the out-of-memory killer. A
 * small shell process waits for the end of a pipe that only this process holds.
 *
 * @module
 */
import { MARK_VARIABLE } from "./process_tree.ts";

/** Ends a server when this process ends. */
export interface LaunchGuard {
  /** Sets the process group to end. */
  watch(pid: number): Promise<void>;
  /** Called when the server has been stopped: the guard ends and does nothing. */
  dismiss(): Promise<void>;
}

/**
 * The guard reads until the pipe closes; `done` dismisses it, a number is the group to end. Then it
 * sends SIGTERM to the group, its descendants and all processes that carry the mark, and SIGKILL to
 * what is left after a grace. It has a session of its own and ignores the terminal's signals, so that
 * it outlives this process by these seconds.
 */
const SCRIPT = `
trap '' HUP INT TERM
mark=$1 grace=$2 leader=
while read -r message; do
  case $message in
    done) exit 0 ;;
    *) leader=$message ;;
  esac
done
below() {
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
    echo "$child"
    below "$child"
  done
}
others() {
  grep -lsF "${MARK_VARIABLE}=$mark" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\\n'
  [ -z "$leader" ] || below "$leader"
}
end() {
  for other in $(others); do kill -s "$1" "$other" 2>/dev/null; done
  [ -z "$leader" ] || kill -s "$1" -- "-$leader" 2>/dev/null
}
left() {
  [ -n "$(others)" ] || { [ -n "$leader" ] && kill -s 0 -- "-$leader" 2>/dev/null; }
}
end TERM
while [ "$grace" -gt 0 ] && left; do
  sleep 1
  grace=$((grace - 1))
done
end KILL
`;

/**
 * Starts a guard. Where there is no POSIX shell (Windows) it does nothing.
 *
 * @param mark value of the variable that marks the server's processes.
 */
export function startGuard(mark: string, graceMs: number): LaunchGuard {
  if (Deno.build.os === "windows") {
    return { watch: () => Promise.resolve(), dismiss: () => Promise.resolve() };
  }
  const child = new Deno.Command("sh", {
    args: ["-c", SCRIPT, "tokometer-guard", mark, `${Math.ceil(graceMs / 1000)}`],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const writer = child.stdin.getWriter();
  const send = async (line: string) => await writer.write(new TextEncoder().encode(`${line}\n`));
  return {
    watch: async (pid) => await send(`${pid}`),
    async dismiss() {
      // It may have been killed; then there is nothing to dismiss.
      await send("done").catch(() => {});
      await writer.close().catch(() => {});
      await child.status;
    },
  };
}
