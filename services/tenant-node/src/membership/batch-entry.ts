import type { AppliedBatch } from '@hybridstore/engine';
import type { BatchEntry } from '../domain/ports.ts';

export function toBatchEntry([key, { lsn, accepted, durable }]: readonly [string, AppliedBatch]): BatchEntry {
  return [key, lsn, accepted, durable];
}

export function fromBatchEntry([key, lsn, accepted, durable]: BatchEntry): readonly [string, AppliedBatch] {
  return [key, { lsn, accepted, durable }];
}

export function isBatchEntry(entry: unknown): entry is BatchEntry {
  if (!Array.isArray(entry) || entry.length !== 4) return false;
  const [key, lsn, accepted, durable] = entry as readonly unknown[];
  return typeof key === 'string' && isCount(lsn) && isCount(accepted) && typeof durable === 'boolean';
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
