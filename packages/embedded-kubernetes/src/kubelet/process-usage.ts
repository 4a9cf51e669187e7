import { readdirSync, readFileSync } from 'node:fs';

/** What a process and all that it started have used: of the processor since they began, of memory now. */
export type ProcessUsage = { readonly cpuMs: number; readonly memoryBytes: number };

/** USER_HZ, by which /proc counts: 100 on every machine that Node runs on. See proc(5). */
const ticksPerSecond = 100;

/** Usage by process group; groups without a process are left out. Throws where the kernel has no /proc. */
export function readGroupUsage(groups: ReadonlySet<number>): ReadonlyMap<number, ProcessUsage> {
  const usages = new Map<number, ProcessUsage>();
  for (const name of readdirSync('/proc')) {
    const process = /^\d+$/.test(name) ? readProcess(name) : undefined;
    if (process === undefined || !groups.has(process.group)) continue;
    const { cpuMs, memoryBytes } = usages.get(process.group) ?? { cpuMs: 0, memoryBytes: 0 };
    usages.set(process.group, { cpuMs: cpuMs + process.cpuMs, memoryBytes: memoryBytes + process.memoryBytes });
  }
  return usages;
}

function readProcess(pid: string): (ProcessUsage & { readonly group: number }) | undefined {
  try {
    return parseProcess(readFileSync(`/proc/${pid}/stat`, 'utf8'), readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // The process ended between the list and the look.
    return undefined;
  }
}

/** Of `stat` the fields 5 (group) and 14 to 17 (ticks, with those of children that ended); of `status` VmRSS. */
export function parseProcess(stat: string, status: string): ProcessUsage & { readonly group: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return {
    group: Number(fields[2]),
    cpuMs: (ticks * 1_000) / ticksPerSecond,
    memoryBytes: kibibytes * 1_024,
  };
}
