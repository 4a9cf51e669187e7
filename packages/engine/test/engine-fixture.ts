import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Disk, type Logger, silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import type { FakeClock } from '@hybridstore/test-kit';
import { createEngine } from '../src/engine.ts';
import type { EngineOptions } from '../src/engine-options.ts';
import type { Engine, TableState } from '../src/ports.ts';
import { createSegmentWriter, type SegmentWriter } from '../src/segment/segment-writer.ts';

/** A writer child that the engines of one test file share; close it at the end. */
export function createSharedWriter(spoolFolder: string, logger: Logger = silentLogger): SegmentWriter {
  return createSegmentWriter({
    disk: systemDisk,
    clock: systemClock,
    logger,
    spoolFolder,
    memoryBytesMax: 256 * 1024 * 1024,
    threads: 1,
    requestMsMax: 60_000,
    niceness: 10,
  });
}

/** An engine under `folder`, with times so long that nothing happens unasked. */
export function openEngine(folder: string, over: Partial<EngineOptions> = {}): Promise<Engine> {
  const pod = over.pod ?? 'hs-acme-0';
  return createEngine({
    pod,
    logFolder: join(folder, 'log', pod),
    dataFolder: join(folder, 'data'),
    clock: systemClock,
    logger: silentLogger,
    onFatal: () => {},
    ...over,
    limits: { flushIntervalMs: 3_600_000, mergeFilesMin: 0, ...over.limits },
  });
}

/** A disk whose file system's clock is ahead by `aheadMs`: what is made from then on is as much younger. */
export type TimedDisk = { readonly disk: Disk; aheadMs: number };

export function createTimedDisk(): TimedDisk {
  const timed: TimedDisk = {
    aheadMs: 0,
    disk: {
      ...systemDisk,
      stat: async (path: string) => {
        const stat = await systemDisk.stat(path);
        // The store reads its time from files that it has just staged.
        if (!stat || !path.includes('/staging/')) return stat;
        return { ...stat, modifiedAtMs: stat.modifiedAtMs + timed.aheadMs };
      },
    },
  };
  return timed;
}

/** Where the table of a source lies, as its pointer says it to any reader. */
export function tableFolder(folder: string, sourceId: string): string {
  const text = readFileSync(join(folder, 'data/tables', sourceId, 'table.json'), 'utf8');
  return join(folder, 'data', (JSON.parse(text) as { readonly location: string }).location); // as written by the engine
}

/** The files of a version, as DuckDB opens them. */
export function filesOf(engine: Engine, state: TableState): Promise<readonly string[]> {
  return engine.bringToLocal(state.files.map((file) => `${state.location}/${file.path}`));
}

/**
 * Moves time on until `event` has happened. Real disks answer when they like, so a timer may be set after any one step;
 * how much time passes in all is therefore not exact.
 */
export async function advanceUntil<T>(clock: FakeClock, event: Promise<T>, stepMs: number): Promise<T> {
  let isOver = false;
  const over = event.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return over;
}
