import { readFileSync } from 'node:fs';

/**
 * CPU seconds of this node with everything it started, which is what the autoscaler divides by the pod's request.
 * In a pod the container's cgroup has the figure (v2: cpu.stat, v1: cpuacct.usage). Elsewhere it is summed up from
 * /proc/<pid>/stat (proc(5)): fields 14 and 15 of this process and its children, and 16 and 17, the children already gone.
 */
const cgroupV2 = '/sys/fs/cgroup/cpu.stat';
const cgroupV1 = '/sys/fs/cgroup/cpuacct/cpuacct.usage';
/** USER_HZ is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;
const childrenMax = 256;

const memoryV2 = '/sys/fs/cgroup/memory.current';
const memoryV1 = '/sys/fs/cgroup/memory/memory.usage_in_bytes';
const pageBytes = 4096;

export type ReadText = (path: string) => string | undefined;

/** Bytes of memory of this node with its children: of the container's cgroup, or resident pages (statm of proc(5)). */
export function readMemoryBytes(isPod: boolean, readText: ReadText = readFileText): number {
  const counted = isPod ? (readText(memoryV2) ?? readText(memoryV1)) : undefined;
  if (counted !== undefined) return Number(counted);
  const own = readStat(readText('/proc/self/stat')).pid;
  const pages = [own, ...listChildren(own, readText)].map((pid) =>
    Number(readText(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0),
  );
  return pages.reduce((sum, count) => sum + count, 0) * pageBytes;
}

export function readCpuSeconds(isPod: boolean, readText: ReadText = readFileText): number {
  return (isPod ? readCgroupSeconds(readText) : undefined) ?? readProcessSeconds(readText);
}

function readCgroupSeconds(readText: ReadText): number | undefined {
  const usage = /^usage_usec (\d+)$/m.exec(readText(cgroupV2) ?? '')?.[1];
  if (usage !== undefined) return Number(usage) / 1e6;
  const nanoseconds = readText(cgroupV1)?.trim();
  return nanoseconds === undefined || nanoseconds === '' ? undefined : Number(nanoseconds) / 1e9;
}

function readProcessSeconds(readText: ReadText): number {
  const own = readStat(readText('/proc/self/stat'));
  const ticks = listChildren(own.pid, readText)
    .map((pid) => readStat(readText(`/proc/${pid}/stat`)))
    .reduce((sum, child) => sum + child.ownTicks, own.ownTicks + own.reapedTicks);
  return ticks / ticksPerSecond;
}

function listChildren(pid: number, readText: ReadText): readonly string[] {
  const pids = (readText(`/proc/self/task/${pid}/children`) ?? '').trim().split(/\s+/);
  return pids.filter((child) => child !== '').slice(0, childrenMax);
}

type Stat = { readonly pid: number; readonly ownTicks: number; readonly reapedTicks: number };

/** The second field, the program's name in parentheses, may hold spaces; fields are counted behind it. */
function readStat(text: string | undefined): Stat {
  const fields = (text ?? '').slice((text ?? '').lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3] ?? 0);
  return {
    pid: Number.parseInt(text ?? '0', 10),
    ownTicks: field(14) + field(15),
    reapedTicks: field(16) + field(17),
  };
}

function readFileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A child that has ended, or a file that this kernel does not have.
    return undefined;
  }
}
