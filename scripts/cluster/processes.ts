import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemProcessFile } from './cgroups.ts';
import { type ClusterLayout, logFileOf, type NodeLayout } from './layout.ts';

const logTailLines = 25;
const pollMs = 50;

/**
 * The book of the processes that a cluster started. A pid alone does not name a process: the kernel gives it out again.
 * So each record also holds the start time in ticks since boot, and a record whose ticks differ is a dead process.
 */
export type ProcessRecord = {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string;
};

export type ProcessSpec = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The node in whose network namespace it runs. */
  readonly node: NodeLayout;
  /** Process whose mount namespace it shares; without it, the machine's own. */
  readonly mountsOf?: ProcessRecord;
};

/** Start time of a process in clock ticks (field 22 of /proc/PID/stat); undefined for a dead process or a zombie. */
export function readStartTicks(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // No such process: exactly what is asked.
  }
  return parseStartTicks(stat);
}

/** The command's name stands in brackets and may hold spaces and brackets itself, so the fields count from its end. */
export function parseStartTicks(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' ? undefined : startTicks;
}

export function isAlive(record: ProcessRecord): boolean {
  return readStartTicks(record.pid) === record.startTicks;
}

/** Records of a cluster's processes, dead ones too. A torn last line (a crash while writing it) is left out. */
export function readProcessFile(path: string): ProcessRecord[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ProcessRecord); // Written by `startProcess` alone.
}

/** The living process of that name. */
export function findProcess(layout: ClusterLayout, name: string): ProcessRecord | undefined {
  return readProcessFile(layout.processFile).find((record) => record.name === name && isAlive(record));
}

/**
 * Starts a process of the cluster in the background, its output in `logs/NAME.log`, and writes it into the book. It
 * enters the cluster's cgroup before it runs anything, so nothing that it forks can be lost.
 */
export function startProcess(layout: ClusterLayout, spec: ProcessSpec): ProcessRecord {
  mkdirSync(layout.logFolder, { recursive: true });
  const log = openSync(logFileOf(layout, spec.name), 'a');
  const entry = [`--net=/run/netns/${spec.node.namespace}`];
  if (spec.mountsOf !== undefined) entry.push(`--mount=/proc/${spec.mountsOf.pid}/ns/mnt`);
  const child = spawn(
    '/bin/sh',
    // nsenter and sh replace themselves (exec), so the pid below stays that of the component.
    ['-c', 'echo $$ > "$0" && exec "$@"', systemProcessFile(layout), 'nsenter', ...entry, spec.command, ...spec.args],
    { cwd: '/', detached: true, env: { ...process.env, ...spec.env }, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  if (child.pid === undefined) throw new Error(`cannot start ${spec.name}`);
  child.unref();
  const record = { name: spec.name, pid: child.pid, startTicks: readStartTicks(child.pid) ?? 'dead' };
  appendFileSync(layout.processFile, `${JSON.stringify(record)}\n`);
  return record;
}

/** Ends one process: SIGTERM, then SIGKILL when it is still there after `graceMs`. Does nothing for a dead one. */
export async function endProcess(record: ProcessRecord, graceMs: number): Promise<void> {
  if (!isAlive(record)) return;
  process.kill(record.pid, 'SIGTERM');
  const deadlineMs = performance.now() + graceMs;
  while (isAlive(record)) {
    if (performance.now() > deadlineMs) process.kill(record.pid, 'SIGKILL');
    await delay(pollMs);
  }
}

/** Why a component is not up, with the end of its log. */
function componentError(layout: ClusterLayout, name: string, reason: string): Error {
  return new Error(`${name}: ${reason}\n${readLogTail(layout, name)}`);
}

export function readLogTail(layout: ClusterLayout, name: string): string {
  const path = logFileOf(layout, name);
  if (!existsSync(path)) return `(no log at ${path})`;
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-logTailLines);
  return [`--- last lines of ${path}`, ...lines].join('\n');
}

export type WaitOptions = {
  readonly record: ProcessRecord;
  readonly what: string;
  readonly timeoutMs: number;
  /** True when the component does its job. A thrown error counts as "not yet" and is shown when time is up. */
  readonly probe: () => Promise<boolean>;
};

/** Waits until a component answers; fails at once when its process ended. */
export async function waitForComponent(layout: ClusterLayout, options: WaitOptions): Promise<void> {
  const deadlineMs = performance.now() + options.timeoutMs;
  let lastError = 'it did not answer';
  for (;;) {
    if (!isAlive(options.record)) throw componentError(layout, options.record.name, 'its process ended');
    try {
      if (await options.probe()) return;
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadlineMs) {
      const reason = `expected ${options.what} within ${options.timeoutMs / 1000} s; ${lastError}`;
      throw componentError(layout, options.record.name, reason);
    }
    await delay(pollMs * 2);
  }
}
