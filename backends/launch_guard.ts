/**
 * Ends a server when we are gone, however we went: a crash, `kill -9`, a machine's out-of-memory
 * killer. A little shell process of its own waits for the end of a pipe that only we hold.
 *
 * @module
 */
import { MARK_VARIABLE } from "./process_tree.ts";

/** Watches over a server. */
export interface LaunchGuard {
  /** From now on this process group is ended with us. */
  watch(pid: number): Promise<void>;
  /** The server has been ended in an orderly way: there is nothing left to do. */
  dismiss(): Promise<void>;
}

/**
 * What the guard does: read until the pipe closes; `done` dismisses it, a number is the group to
 * end. Then the group, its descendants and all that carry the mark are asked to end, and killed
 * if they have not after a grace. It is in a session of its own and ignores the terminal's
 * signals, so that it outlives us by these seconds.
 */
const SCRIPT = `
trap '' HUP INT TERM
mark=$1 grace=$2 leader=
while read -r word; do
  case $word in
    done) exit 0 ;;
    *) leader=$word ;;
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
  const say = async (line: string) => await writer.write(new TextEncoder().encode(`${line}\n`));
  return {
    watch: async (pid) => await say(`${pid}`),
    async dismiss() {
      // Somebody may have killed it; then there is nothing to dismiss.
      await say("done").catch(() => {});
      await writer.close().catch(() => {});
      await child.status;
    },
  };
}
