import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateFile } from '@hybridstore/runtime';

/** Which process runs a pod, kept on disk so that the next platform on this folder can end what a killed one left behind. */
type ProcessRecord = { readonly pid: number; readonly startTicks: string };

const fileName = 'process.json';

export function writeProcessRecord(podFolder: string, pid: number): void {
  const record: ProcessRecord = { pid, startTicks: readStartTicks(pid) ?? '' };
  writeFileSync(join(podFolder, fileName), JSON.stringify(record), { mode: privateFile });
}

export function removeProcessRecord(podFolder: string): void {
  rmSync(join(podFolder, fileName), { force: true });
}

/** Kills the recorded process if it still runs. A pid that was given to another process since has another start time. */
export function killRecordedProcess(podFolder: string): boolean {
  const record = readRecord(podFolder);
  if (!record || readStartTicks(record.pid) !== record.startTicks) return false;
  killProcessGroup(record.pid);
  return true;
}

/** Ends a pod's process and all that it started. Each pod leads a process group of its own. */
export function killProcessGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // nobody is left
  }
}

function readRecord(podFolder: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(podFolder, fileName), 'utf8')) as ProcessRecord; // written here only
  } catch {
    // No record, or a torn one: then the platform died before the process could matter.
    return undefined;
  }
}

/** Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process. See proc(5). */
function readStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // The process is gone.
    return undefined;
  }
}
