import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;
const pageBytes = 4_096;
const sampleMs = 10;

/** `grownBytes`: by how much its resident memory was above that of the beginning, at most. */
export type ProcessUse = { readonly name: string; readonly cpuSeconds: number; readonly grownBytes: number };
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
      processes: processes.map(({ pid, name, cpuSeconds, grownBytes: grown }) => ({
        name,
        cpuSeconds: readCpuSeconds(pid) - cpuSeconds,
        grownBytes: grown,
      })),
      grownBytes,
    };
  } finally {
    clearInterval(timer);
  }
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
