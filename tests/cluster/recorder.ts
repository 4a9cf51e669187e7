import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../e2e/session.ts';

/** What a client outside of the cluster saw, which repeats nothing. */
export type Recording = {
  readonly requests: number;
  readonly failures: readonly string[];
  readonly longestMs: number;
  /** Requests that took a second or more. */
  readonly slow: readonly string[];
  /** Share of the time in which something that could run waited for a core of this machine, 0 to 1; not known everywhere. */
  readonly starved: number | undefined;
  /** The longest that a plain write of 4 KiB with its `fdatasync` took on this machine's disk meanwhile. */
  readonly longestSyncMs: number;
  /** Ids of rows that were acknowledged. */
  readonly acknowledged: readonly number[];
  /** Of them those that were sent under an id of their own, `recorded-<id>`. */
  readonly keyed: readonly number[];
};

/** Between two requests of one client: the machine has two cores, and the cluster runs on them. */
const pauseMs = 20;
const slowMs = 1_000;

/** Writes, keyed and not, and strict reads of both kinds, for as long as `work` takes. Ids count from `from`. */
export async function record(
  session: Session,
  sourceId: string,
  from: number,
  work: () => Promise<unknown>,
): Promise<Recording> {
  const failures: string[] = [];
  const acknowledged: number[] = [];
  const keyed: number[] = [];
  const slow: string[] = [];
  let [requests, longestMs, isOver, next] = [0, 0, false, from];
  const ask = async (path: string, body: object, headers: Readonly<Record<string, string>> = {}) => {
    const startedMs = performance.now();
    requests += 1;
    const answer = await session
      .post(path, body, headers)
      .catch((error: Error) => ({ status: 0, body: String(error.cause ?? error) }));
    const elapsedMs = performance.now() - startedMs;
    longestMs = Math.max(longestMs, elapsedMs);
    if (elapsedMs >= slowMs) slow.push(`${new Date().toISOString()} ${path}: ${Math.round(elapsedMs)} ms`);
    if (answer.status !== 200)
      failures.push(`${new Date().toISOString()} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const write = async (isKeyed: boolean) => {
    const id = next;
    next += 1;
    const headers: Record<string, string> = isKeyed ? { 'idempotency-key': `recorded-${id}` } : {};
    const { status } = await ask('/data/write', { source_id: sourceId, records: [{ fields: { id } }] }, headers);
    if (status !== 200) return;
    acknowledged.push(id);
    if (isKeyed) keyed.push(id);
  };
  const count = async () => {
    const atLeast = acknowledged.length;
    const { status, body } = await ask('/query/sql', {
      query: `SELECT COUNT(*) AS n FROM ${sourceId} WHERE id >= ${from}`,
    });
    const found = Number((body as { rows?: unknown[][] }).rows?.[0]?.[0]);
    if (status === 200 && !(found >= atLeast)) failures.push(`${found} rows where ${atLeast} were acknowledged`);
  };
  const search = () =>
    ask('/data/search', { source_id: sourceId, filter: { field: 'id', operator: 'eq', value: from }, limit: 1 });
  const client = async (act: () => Promise<unknown>) => {
    while (!isOver) {
      await act();
      await sleep(pauseMs);
    }
  };
  const disk = watchDisk(() => isOver);
  const [startedMs, starvedMs] = [performance.now(), readStarvedMs()];
  const clients = [() => write(true), () => write(true), () => write(false), count, search].map(client);
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all([...clients, disk]);
  }
  const starved = (readStarvedMs() - starvedMs) / (performance.now() - startedMs);
  return {
    requests,
    failures,
    slow,
    longestMs,
    longestSyncMs: await disk,
    starved: Number.isNaN(starved) ? undefined : starved,
    acknowledged,
    keyed,
  };
}

const diskPauseMs = 50;
const diskBytes = 4_096;

/** What nobody's acknowledgement can be faster than. Beside the checkout, since a cluster of this machine keeps its volumes there. */
async function watchDisk(isOver: () => boolean): Promise<number> {
  const folder = await mkdtemp(join(import.meta.dirname, '.recorder-'));
  const file = await open(join(folder, 'sync'), 'w');
  const bytes = Buffer.alloc(diskBytes);
  let longestMs = 0;
  try {
    while (!isOver()) {
      const startedMs = performance.now();
      await file.write(bytes, 0, diskBytes, 0);
      await file.datasync();
      longestMs = Math.max(longestMs, performance.now() - startedMs);
      await sleep(diskPauseMs);
    }
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
  return longestMs;
}

/** The whole machine's, since it was started: `some … total=` in microseconds (Pressure Stall Information). */
function readStarvedMs(): number {
  const file = '/proc/pressure/cpu';
  if (!existsSync(file)) return Number.NaN;
  return Number(/^some .*total=(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]) / 1_000;
}

export function describeRecording(recording: Recording): string {
  const { requests, failures, slow, longestMs, longestSyncMs, acknowledged, starved } = recording;
  const counts = `${requests} requests, ${failures.length} failed, ${slow.length} took a second or more`;
  const pressure =
    starved === undefined ? '' : `; somebody waited for a core ${Math.round(starved * 100)} % of the time`;
  const disk = `; a plain fdatasync took up to ${Math.round(longestSyncMs)} ms`;
  return `${counts}, the longest took ${Math.round(longestMs)} ms; ${acknowledged.length} rows acknowledged${pressure}${disk}`;
}
