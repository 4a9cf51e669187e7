import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;
const pageBytes = 4_096;
const sampleMs = 10;

/** `peakBytes`: its resident memory at most; `grownBytes`: by how much that was above the one of the beginning. */
export type ProcessUse = {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly grownBytes: number;
  readonly peakBytes: number;
};
export type Use = {
  readonly processes: readonly ProcessUse[];
  /** By how much the resident memory of all of them together was above that of the beginning, at most. */
  readonly grownBytes: number;
};

/** What the processes below `rootPid` take while `work` runs; those that are there when it begins. proc(5), of Linux. */
export async function measureProcesses<T>(
  rootPid: number,
  work: () => Promise<T>,
): Promise<Use & { readonly value: T }> {
  const processes = listBelow(rootPid).map((pid) => ({
    pid,
    name: nameOf(pid),
    cpuSeconds: readCpuSeconds(pid),
    residentBytes: readResidentBytes(pid),
    grownBytes: 0,
  }));
  let grownBytes = 0;
  const look = () => {
    let sum = 0;
    for (const one of processes) {
      const grown = readResidentBytes(one.pid) - one.residentBytes;
      one.grownBytes = Math.max(one.grownBytes, grown);
      sum += grown;
    }
    grownBytes = Math.max(grownBytes, sum);
  };
  const timer = setInterval(look, sampleMs);
  try {
    const value = await work();
    return {
      value,
      processes: processes.map(({ pid, name, cpuSeconds, residentBytes, grownBytes: grown }) => ({
        name,
        cpuSeconds: readCpuSeconds(pid) - cpuSeconds,
        grownBytes: grown,
        peakBytes: residentBytes + grown,
      })),
      grownBytes,
    };
  } finally {
    clearInterval(timer);
  }
}

/** Processor time that a process has taken since it began. */
export type ProcessTime = { readonly name: string; readonly cpuSeconds: number };

/** Of `rootPid` and the processes below it. */
export function readTimes(rootPid: number): readonly ProcessTime[] {
  return [rootPid, ...listBelow(rootPid)].map((pid) => ({ name: nameOf(pid), cpuSeconds: readCpuSeconds(pid) }));
}

/** Bytes of a process: `resident` counts shared pages whole, `proportional` its part of them, `own` none. smaps_rollup of proc(5). */
export type Footprint = {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly residentBytes: number;
  readonly proportionalBytes: number;
  readonly ownBytes: number;
  /** Of one core, over the time that was looked at. */
  readonly cpuShare: number;
};

/** What `rootPid` and the processes below it hold at the end of `wait`, and take while it lasts. */
export async function readFootprints(rootPid: number, wait: () => Promise<void>): Promise<readonly Footprint[]> {
  const before = [rootPid, ...listBelow(rootPid)].map((pid) => ({ pid, ns: readThreadsNs(pid) }));
  const startedMs = performance.now();
  await wait();
  const elapsedNs = (performance.now() - startedMs) * 1e6;
  return before.flatMap(({ pid, ns }) => {
    const rollup = readText(`/proc/${pid}/smaps_rollup`);
    if (rollup === '') return [];
    return [
      {
        pid,
        parent: Number(readStat(pid)?.[1] ?? 0),
        name: nameOf(pid),
        residentBytes: sumOf(rollup, /^Rss: +(\d+)/gm),
        proportionalBytes: sumOf(rollup, /^Pss: +(\d+)/gm),
        ownBytes: sumOf(rollup, /^Private_\w+: +(\d+)/gm),
        cpuShare: Math.max(0, readThreadsNs(pid) - ns) / elapsedNs,
      },
    ];
  });
}

/** Processor time of all threads of a process, much finer than the ticks of its `stat`. */
function readThreadsNs(pid: number): number {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // The process has ended.
    return 0;
  }
  return threads.reduce(
    (sum, thread) => sum + Number(readText(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]),
    0,
  );
}

function sumOf(rollup: string, kibibytes: RegExp): number {
  return [...rollup.matchAll(kibibytes)].reduce((sum, match) => sum + Number(match[1]) * 1024, 0);
}

function listBelow(rootPid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (fields) parents.set(Number(name), Number(fields[1]));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === rootPid || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** `auth-gateway`, `tenant-node/execute/child` …: the folder of the program that a process runs. */
function nameOf(pid: number): string {
  const program = readText(`/proc/${pid}/cmdline`)
    .split('\0')
    .find((argument) => /\.[jt]s$/.test(argument));
  const parts = /(?:services|packages)\/([^/]+)\/src\/?(.*)$/.exec(program ?? '');
  if (parts) return [parts[1], ...(parts[2] ?? '').split('/').slice(0, -1)].join('/');
  return program?.split('/').slice(-2).join('/') ?? `process ${pid}`;
}

function readCpuSeconds(pid: number): number {
  const fields = readStat(pid);
  return fields ? (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : 0;
}

function readResidentBytes(pid: number): number {
  return Number(readText(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * pageBytes;
}

/** The fields behind the name of a process, the first of which is its state. */
function readStat(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended: it takes nothing any more.
    return '';
  }
}
