import { assert, assertEquals } from "@std/assert";
import { readCores } from "../workloads/effective_cores.ts";
import { runDeno } from "./support/run_deno.ts";

const V1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
  "33 31 0:31 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n" +
  "32 31 0:30 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n";
const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

/** A machine of 8 processors with these files; `null` = hidden. */
function cores(files: Readonly<Record<string, string | null>>, runtimeCores = 8) {
  const all: Readonly<Record<string, string | null>> = {
    "/proc/self/status": "Name:\tdeno\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems:\t1\n",
    "/sys/devices/system/cpu/online": "0-7\n",
    ...files,
  };
  return readCores({ readText: (path) => all[path] ?? undefined, runtimeCores });
}

Deno.test("readCores: a process of its own machine may use all of it", () => {
  assertEquals(cores({}), { cores: 8, effectiveCores: 8 });
  const groups = { "/proc/self/cgroup": "0::/user.slice\n", "/proc/self/mountinfo": V2 };
  const unlimited = { "/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n" };
  assertEquals(cores({ ...groups, ...unlimited }), { cores: 8, effectiveCores: 8 });
});

Deno.test("readCores sees which processors are allowed", () => {
  const pinned = (list: string) =>
    cores({ "/proc/self/status": `Cpus_allowed_list:\t${list}\n` }).effectiveCores;
  assertEquals(pinned("3"), 1);
  assertEquals(pinned("0-1,4,6-7"), 5);
  // Nonsense is not counted.
  assertEquals(pinned("0-f"), 8);
});

Deno.test("readCores sees the quota of a control group and of those above it", () => {
  const v1 = {
    "/proc/self/cgroup": "3:cpuset:/other\n2:cpu:/a/b\n1:cpuacct:/other\n",
    "/proc/self/mountinfo": V1,
    "/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us": "50000\n",
    "/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
  };
  assertEquals(cores(v1, 1), { cores: 8, effectiveCores: 0.5 });
  assertEquals(
    cores({ ...v1, "/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us": "-1\n" }).effectiveCores,
    8,
  );
  const above = {
    "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "20000\n",
    "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
  };
  assertEquals(cores({ ...v1, ...above }).effectiveCores, 0.2);

  const v2 = {
    "/proc/self/cgroup": "0::/pod/box\n",
    "/proc/self/mountinfo": V2,
    "/sys/fs/cgroup/pod/cpu.max": "250000 100000\n",
    "/sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
  };
  // The runtime rounds 2.5 down.
  assertEquals(cores(v2, 2), { cores: 8, effectiveCores: 2.5 });
  assertEquals(
    cores({ ...v2, "/proc/self/status": "Cpus_allowed_list:\t1\n" }).effectiveCores,
    1,
  );
});

Deno.test("readCores finds a container's group where it is mounted", () => {
  const box = (group: string, root: string, folder: string) =>
    cores({
      "/proc/self/cgroup": `4:cpu,cpuacct:${group}\n`,
      "/proc/self/mountinfo":
        `32 31 0:30 ${root} /sys/fs/cgroup/cpu,a\\040b ro - cgroup cgroup rw,cpu,cpuacct\n`,
      [`/sys/fs/cgroup/cpu,a b${folder}/cpu.cfs_quota_us`]: "150000",
      [`/sys/fs/cgroup/cpu,a b${folder}/cpu.cfs_period_us`]: "100000",
    }).effectiveCores;
  assertEquals(box("/docker/1f", "/docker/1f", ""), 1.5);
  assertEquals(box("/docker/1f/x", "/docker/1f", "/x"), 1.5);
  assertEquals(box("/", "/", ""), 1.5);
  assertEquals(box("/../../docker/1f", "/", "/docker/1f"), 1.5);
  // Another container's folder of a similar name is not ours.
  assertEquals(box("/docker/1f2", "/docker/1f", "/2"), 8);
});

Deno.test("readCores takes the runtime's number where nothing can be seen", () => {
  const hidden = { "/proc/self/status": null, "/sys/devices/system/cpu/online": null };
  assertEquals(cores(hidden, 3), { cores: 3, effectiveCores: 3 });
  // A quota that only the runtime sees.
  assertEquals(cores({}, 2), { cores: 8, effectiveCores: 2 });
});

Deno.test({
  name: "readCores asks for no permission, and agrees with the system",
  async fn() {
    const url = new URL("../workloads/effective_cores.ts", import.meta.url);
    const code = `import { readCores } from ${JSON.stringify(url.href)};
console.log(JSON.stringify(readCores()))`;
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, code);
      for (const flags of [[], ["-A"]]) {
        const { success, output } = await runDeno(
          ["run", "-q", "--no-check", ...flags, path],
          Deno.cwd(),
        );
        assert(success, output);
        const { cores, effectiveCores } = JSON.parse(output);
        assert(cores >= effectiveCores && effectiveCores > 0, output);
      }
    } finally {
      await Deno.remove(path);
    }
  },
});
