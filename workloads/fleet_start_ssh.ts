/**
 * A fleet over ssh: the leader and the NATS server here, an agent on each host. Messages go through the
 * connections of ssh: no port is opened to a network, and what ends a connection ends its agent.
 *
 * @module
 */
import { AGENTS_WAIT_S, type SshStart, type StartTexts } from "./fleet_start.ts";
import { shellWord, shellWords } from "./shell_split.ts";

/** A script for bash, from 3.2 on, and hosts that have a POSIX shell. */
export function startSsh(start: SshStart): StartTexts {
  const script = startScript(start);
  return { start: script, run: script, down: downScript(start) };
}

/** Without questions, which many connections at once could not ask; a dead host is noticed. */
const SSH = [
  ...["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"],
  ...["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"],
];

/** What both scripts begin with. */
function beginning(start: SshStart, comment: readonly string[]): string {
  return `#!/usr/bin/env bash
${comment.map((line) => `# ${line}\n`).join("")}set -u
umask 077
hosts=(${shellWords(start.hosts)})
fleet=${shellWord(start.name)}
ssh=(${shellWords([...SSH, ...start.sshOptions])})

# The folder of an agent on its host; --down finds it again.
folder_of() { echo "${start.folder}/tokometer-$(id -u)-$fleet-$1"; }

# Runs the lines that are read on the host of an agent. They go through the connection, so that no list
# of processes shows them.
on_host() {
  local number=$1
  shift
  { printf 'number=%s\\nfleet=%s\\nfolder=%s\\n' "$number" "$fleet" "$(folder_of "$number")"; cat; } |
    "\${ssh[@]}" "$@" -- "\${hosts[number]}" sh -s
}

# Ends the agent of a host, if it is one of this fleet, and removes its folder.
end_agent() {
  on_host "$1" <<'TOKOMETER_END'
[ -O "$folder" ] && [ ! -L "$folder" ] || exit 0
runs() { { ps -p "$pid" -o args= || tr '\\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null |
  grep -q -e "agent --fleet $fleet "; }
if read -r pid 2>/dev/null <"$folder/pid"; then
  for wait in 1 1 1 1 1 1 1 1 1 1; do
    runs && kill -TERM "$pid" 2>/dev/null || break
    sleep "$wait"
  done
  runs && kill -KILL "$pid"
fi
rm -rf "$folder"
TOKOMETER_END
}

# Runs a function for each agent, 32 at a time. Fails where one has failed, which is named.
each_host() {
  local number index jobs=() failed=0
  for number in "\${!hosts[@]}"; do
    "$1" "$number" </dev/null &
    jobs+=($!)
    ((\${#jobs[@]} == 32 || number + 1 == \${#hosts[@]})) || continue
    for index in "\${!jobs[@]}"; do
      wait "\${jobs[index]}" && continue
      failed=1
      echo "\${hosts[number + 1 - \${#jobs[@]} + index]}: $2" >&2
    done
    jobs=()
  done
  return "$failed"
}
`;
}

/** Lines that copy the executable; none where it is there. */
function copyLines(copy: string | undefined): string {
  if (copy === undefined) return "";
  return `  file=$(folder_of "$1")/tokometer
  "\${ssh[@]}" -C -- "\${hosts[$1]}" "cat >$file && chmod 700 $file" <${shellWord(copy)}
`;
}

function startScript(start: SshStart): string {
  const { agents, bench, unsaved, program, copy, here, port, out } = start;
  const machines = agents === 1 ? "1 host" : `${agents} hosts`;
  return `${
    beginning(start, [
      `One load from ${machines}: tokometer fleet ssh wrote this. Run it with bash.`,
      "Ctrl-C stops sending and reports; a second one stops at once. Hosts are left as they were.",
    ])
  }
port=${port}
out=${out === undefined ? '"tokometer-results/$fleet-$(date +%Y%m%d-%H%M%S)"' : shellWord(out)}

prepare() {
  on_host "$1" <<'TOKOMETER_END' || return
umask 077
mkdir -p "$folder" && [ -O "$folder" ] && [ ! -L "$folder" ] || {
  echo "$folder is there, and somebody else's" >&2
  exit 1
}
if [ -e "$folder/pid" ] && kill -0 "$(cat "$folder/pid")" 2>/dev/null; then
  echo "an agent of $fleet runs there already; --down ends it" >&2
  exit 1
fi
rm -rf "$folder/results" "$folder/tokometer" "$folder/pid"
TOKOMETER_END
${copyLines(copy)}}

# Lasts as long as the agent.
agent() {
  # Not the leader's own: a host may be this machine.
  local theirs=$((port + 1 + $1))
  {
    printf 'export NATS_TOKEN=%s\\nport=%s\\n' "$NATS_TOKEN" "$theirs"
    cat <<'TOKOMETER_END'
cd "$folder" || exit
umask 077
echo "$$" >pid
exec ${copy === undefined ? shellWords(program) : "./tokometer"} agent --fleet "$fleet" \\
  --rank "$number" --nats "nats://127.0.0.1:$port" \\
  --wait ${AGENTS_WAIT_S} ${unsaved ? "--no-save" : "--out results"} </dev/null
TOKOMETER_END
  } | on_host "$1" -o ExitOnForwardFailure=yes -R "127.0.0.1:$theirs:127.0.0.1:$port" ||
    echo "\${hosts[$1]}: its agent ended with exit code $?; see $out/agent-$1.log" >&3
}

# Brings what an agent wrote.
collect() {
  mkdir -p "$out/agent-$1" || return
  on_host "$1" <<'TOKOMETER_END' | tar -xf - -C "$out/agent-$1"
mkdir -p "$folder/results" && tar -cf - -C "$folder/results" .
TOKOMETER_END
}

tear_down() {
  trap '' INT TERM
  trap - EXIT
  each_host end_agent "its agent may still be there"
  # Connections whose agents have ended are over; the others lead nowhere.
  for job in \${agents[@]+"\${agents[@]}"}; do kill "$job" 2>/dev/null; done
  wait
}

agents=()
exec 3>&2
trap tear_down EXIT
trap 'exit 130' INT TERM
echo "Preparing ${machines}" >&2
each_host prepare "cannot be prepared" || exit 3

while (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
# The agents and the NATS server of this run share it; nobody else knows it.
NATS_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \\n')
export NATS_TOKEN
mkdir -p "$out" || exit 2
for number in "\${!hosts[@]}"; do
  agent "$number" </dev/null >"$out/agent-$number.log" 2>&1 &
  agents+=($!)
done

${shellWords(here)} bench --fleet "$fleet" --agents ${agents} \\
  --nats embedded --nats-listen "127.0.0.1:$port" \\
  ${shellWords(bench)} <&0 &
leader=$!
# What this script is told, the leader is told.
trap 'kill -INT "$leader" 2>/dev/null' INT TERM
while kill -0 "$leader" 2>/dev/null; do wait "$leader"; done
wait "$leader"
code=$?

# Agents go by themselves when a run is over. Where there was none, they are told to.
trap 'exit "$code"' INT TERM
for ((i = 0; i < 50; i++)); do
  left=0
  for job in "\${agents[@]}"; do kill -0 "$job" 2>/dev/null && left=1; done
  ((left)) || break
  sleep 0.2
done
each_host collect "its files could not be brought"
rmdir "$out"/agent-*/ 2>/dev/null
echo "Output and files of the agents: $out" >&2
exit "$code"
`;
}

function downScript(start: SshStart): string {
  return `${
    beginning(start, ["Ends what is left of a fleet: tokometer fleet ssh --down wrote this."])
  }
each_host end_agent "its agent may still be there"
`;
}
