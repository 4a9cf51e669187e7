import { isHybridStoreError } from '@hybridstore/runtime';
import type { FlushFailure } from './memtable/flush-schedule.ts';
import type { EngineProblem } from './ports.ts';
import type { LogDamage } from './wal/read-log.ts';

/** In words that may be shown to anybody who may know of the source: no path, nothing of another source. */
export function describeFlushFailure({ sourceId, failures, sinceMs, error }: FlushFailure): EngineProblem {
  const reason = flushFailureReason(error);
  const message = `rows of source ${sourceId} are not flushed, after ${failures} tries: ${reasonTexts[reason]}`;
  return { kind: 'FlushFailing', reason, sourceId, sinceMs, message };
}

const reasonTexts = {
  storage_full: 'the data volume is full',
  no_memory: 'the segment writer has not enough memory',
  writer_failed: 'the segment writer fails',
  store_failed: 'the data volume does not answer, or refuses',
} as const;

function flushFailureReason(error: unknown): keyof typeof reasonTexts {
  if (!isHybridStoreError(error)) return 'store_failed';
  if (error.code === 'storage_full') return 'storage_full';
  if (error.details['why'] === 'no_memory') return 'no_memory';
  return error.details['by'] === 'segment_writer' ? 'writer_failed' : 'store_failed';
}

export function describeLogDamage({ segment, afterLsn, untilLsn }: LogDamage, sinceMs: number): EngineProblem {
  const message = `log segment ${segment} is damaged after LSN ${afterLsn}: up to LSN ${untilLsn} nothing can be read, and all of it is in the tables`;
  return { kind: 'LogDamaged', reason: 'segment_damaged', sinceMs, message };
}

export function describeUnreadableIds(file: string, sinceMs: number): EngineProblem {
  const message = `batch ids of log file ${file} cannot be read: batches with an id are refused until they are over`;
  return { kind: 'LogDamaged', reason: 'batch_ids_damaged', sinceMs, message };
}
