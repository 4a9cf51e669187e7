import { type DataSourceStatus, partitionsWorrying } from '@hybridstore/contracts';
import { type Judgement, toConditions } from '@hybridstore/controller-runtime';
import type { SourceFacts } from './world.ts';

type Registered = {
  readonly kind: 'registered';
  readonly damaged?: readonly string[];
  readonly flushFailing?: string | undefined;
  readonly partitions?: number | undefined;
};
export type SourceVerdict =
  | Registered
  | { readonly kind: 'waiting' | 'refused'; readonly reason: string; readonly message: string };

export function judgeSource(verdict: SourceVerdict): readonly Judgement[] {
  if (verdict.kind === 'registered')
    return [
      { type: 'Ready', status: 'True', reason: 'Registered', message: 'the table exists and the catalog lists it' },
      judgeHealth(verdict),
    ];
  const { reason, message } = verdict;
  const isRefused = verdict.kind === 'refused';
  return [
    { type: 'Ready', status: 'False', reason, message },
    { type: 'Degraded', status: isRefused ? 'True' : 'False', reason, message },
  ];
}

/** Queries that need a damaged file fail, and all others go on: the source is ready, and somebody has to look. */
function judgeHealth({ damaged = [], flushFailing, partitions = 0 }: Registered): Judgement {
  if (damaged.length > 0) {
    const message = `not what was written: ${damaged.join(', ')}`;
    return { type: 'Degraded', status: 'True', reason: 'Corrupt', message };
  }
  if (flushFailing !== undefined)
    return { type: 'Degraded', status: 'True', reason: 'FlushFailing', message: flushFailing };
  if (partitions >= partitionsWorrying) {
    const message = `${partitions} partition values, of which each has files of its own that are never merged with others; partition by something coarser, such as a date`;
    return { type: 'Degraded', status: 'True', reason: 'TooManyPartitions', message };
  }
  return { type: 'Degraded', status: 'False', reason: 'AsExpected', message: 'nothing is wrong' };
}

/** Figures of the pass before stay where there are no newer ones. */
export function buildSourceStatus(
  previous: DataSourceStatus | undefined,
  verdict: SourceVerdict,
  facts: SourceFacts | undefined,
  context: { readonly generation: number; readonly nowMs: number },
): Readonly<Record<string, unknown>> {
  const { conditions: before, observedGeneration: _seen, ...figures } = previous ?? {};
  return {
    ...figures,
    ...describeFacts(facts),
    observedGeneration: context.generation,
    conditions: toConditions(judgeSource(verdict), before ?? [], context),
  };
}

function describeFacts(facts: SourceFacts | undefined): Readonly<Record<string, unknown>> {
  const { stats, entry } = facts ?? {};
  const { last_commit_at: committedAt } = stats ?? {};
  const { last_compaction_at: compactedAt } = entry ?? {};
  return {
    ...(stats === undefined
      ? {}
      : {
          schemaVersion: stats.schema_version,
          tableVersion: stats.table_version,
          rows: stats.rows,
          bytes: stats.bytes,
          files: stats.files,
          unflushedRows: stats.unflushed_rows,
        }),
    ...(committedAt ? { lastCommitTime: committedAt } : {}),
    ...(compactedAt ? { lastCompactionTime: compactedAt } : {}),
  };
}
