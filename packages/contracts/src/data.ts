import { type Static, Type } from 'typebox';
import { Aggregation, conditionsMax, FieldPath, Filter, GroupBy, OrderBy } from './dsl.ts';
import { BatchId, Lsn, recordsPerWriteMax, SourceId } from './identifiers.ts';
import { Warnings } from './warnings.ts';

/** Longest time that a reader may allow an answer to be behind: an hour. */
export const staleMsBound = 3_600_000;

/**
 * `strict` answers with every acknowledged row of all replicas; `committed` with the last commit of the table;
 * `bounded(ms)` as `strict`, and where a node does not answer without what it acknowledged in the last `ms` milliseconds.
 */
export type Consistency = 'strict' | 'committed' | `bounded(${number})`;
/** 1 to `staleMsBound`, in digits alone. */
const consistencyPattern = String.raw`^(strict|committed|bounded\(([1-9]\d{0,5}|[12]\d{6}|3[0-5]\d{5}|3600000)\))$`;
/** In words. */
export const consistencyForm = `strict, committed, or bounded(<ms>) with 1 to ${staleMsBound} milliseconds`;
export const Consistency = Type.Unsafe<Consistency>({
  type: 'string',
  pattern: consistencyPattern,
  description: `\`strict\`, \`committed\`, or \`bounded(<ms>)\` with 1 to ${staleMsBound} milliseconds`,
  'x-expected': consistencyForm,
});

export function isConsistency(text: string): text is Consistency {
  return new RegExp(consistencyPattern).test(text);
}

/** How many milliseconds an answer may be behind; undefined where the level is another one. */
export function readStaleMsMax(consistency: Consistency): number | undefined {
  const digits = /^bounded\((\d+)\)$/.exec(consistency)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export const Record = Type.Object(
  { fields: Type.Record(Type.String({ maxLength: 256 }), Type.Unknown()) },
  { $id: 'Record', additionalProperties: false },
);

export const WriteRequest = Type.Object(
  {
    source_id: SourceId,
    records: Type.Array(Record, { minItems: 1, maxItems: recordsPerWriteMax }),
    batch_id: Type.Optional(
      Type.String({
        ...BatchId,
        description:
          'also as the header Idempotency-Key; a batch that is repeated within 24 hours (BATCH_ID_RETENTION_HOURS of the node) is acknowledged again and applied once',
      }),
    ),
  },
  { $id: 'WriteRequest', additionalProperties: false },
);
export type WriteRequest = Static<typeof WriteRequest>;

/** `durable` is false only for a source with the log switched off; `duplicate` when the batch id was already applied. */
export const WriteResponse = Type.Object(
  {
    source_id: SourceId,
    accepted: Type.Integer({ minimum: 0 }),
    batch_id: Type.Union([BatchId, Type.Null()]),
    durable: Type.Boolean(),
    duplicate: Type.Boolean(),
    lsn: Lsn,
    warnings: Type.Optional(Warnings),
  },
  { $id: 'WriteResponse', additionalProperties: false },
);
export type WriteResponse = Static<typeof WriteResponse>;

export const ResultColumn = Type.Object(
  { name: Type.String(), type: Type.String() },
  { $id: 'ResultColumn', additionalProperties: false },
);
export type ResultColumn = Static<typeof ResultColumn>;

/** Of a request for rows. */
export const ResultCacheOption = Type.Boolean({
  description: 'false: the query is run, whatever was answered before, and its answer is not kept',
});

/** How a query was answered. Durations in milliseconds, sizes in bytes. */
export const QueryStats = Type.Object(
  {
    query_id: Type.String(),
    elapsed_ms: Type.Number(),
    queue_ms: Type.Optional(Type.Number()),
    plan_ms: Type.Optional(Type.Number()),
    execute_ms: Type.Optional(Type.Number()),
    path: Type.Optional(Type.Enum(['scan', 'point', 'spark', 'metadata'])),
    consistency: Type.Optional(Consistency),
    files_total: Type.Optional(Type.Integer()),
    files_read: Type.Optional(Type.Integer()),
    bytes_read: Type.Optional(Type.Integer()),
    fresh_rows: Type.Optional(Type.Integer()),
    stale_ms: Type.Optional(
      Type.Integer({
        description: 'how far the answer is behind at most, where nodes did not answer; absent when all of them did',
      }),
    ),
    result_cached: Type.Optional(
      Type.Boolean({
        description: 'true: the rows are those of the same query over the same snapshot, which was not run again',
      }),
    ),
    snapshots: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    plan_cached: Type.Optional(Type.Boolean()),
    optimized: Type.Optional(
      Type.Boolean({ description: 'false: the plan ran as parsed, because the optimizer gave none in time' }),
    ),
    node: Type.Optional(Type.String()),
    warnings: Type.Optional(Warnings),
  },
  { $id: 'QueryStats', additionalProperties: false },
);
export type QueryStats = Static<typeof QueryStats>;

/**
 * Rows are arrays in the order of `columns`. Integers beyond 2^53 and decimals come as strings, dates as YYYY-MM-DD,
 * timestamps as ISO 8601 with `Z`, NaN and infinities as strings, JSON columns as JSON values.
 */
export const QueryResponse = Type.Object(
  {
    columns: Type.Array(ResultColumn),
    rows: Type.Array(Type.Array(Type.Unknown())),
    row_count: Type.Integer({ minimum: 0 }),
    stats: QueryStats,
  },
  { $id: 'QueryResponse', additionalProperties: false },
);
export type QueryResponse = Static<typeof QueryResponse>;

export const SearchRequest = Type.Object(
  {
    source_id: Type.Optional(SourceId),
    source_ids: Type.Optional(Type.Array(SourceId, { minItems: 1, maxItems: 32 })),
    filter: Type.Optional(Filter),
    conditions: Type.Optional(Type.Array(Filter, { maxItems: conditionsMax })),
    columns: Type.Optional(Type.Array(FieldPath, { minItems: 1, maxItems: 2_000 })),
    order_by: Type.Optional(Type.Array(OrderBy, { maxItems: 32 })),
    limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000 })),
    consistency: Type.Optional(Consistency),
    result_cache: Type.Optional(ResultCacheOption),
    timeout_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3_600 })),
  },
  { $id: 'SearchRequest', additionalProperties: false },
);
export type SearchRequest = Static<typeof SearchRequest>;
export const searchLimitDefault = 100;

export const FoundRecord = Type.Object(
  { source_id: SourceId, fields: Type.Record(Type.String(), Type.Unknown()) },
  { $id: 'FoundRecord', additionalProperties: false },
);
export const SearchResponse = Type.Object(
  { records: Type.Array(FoundRecord), row_count: Type.Integer({ minimum: 0 }), stats: QueryStats },
  { $id: 'SearchResponse', additionalProperties: false },
);
export type SearchResponse = Static<typeof SearchResponse>;

export const AggregateRequest = Type.Object(
  {
    source_id: SourceId,
    filter: Type.Optional(Filter),
    conditions: Type.Optional(Type.Array(Filter, { maxItems: conditionsMax })),
    group_by: Type.Optional(GroupBy),
    aggregations: Type.Array(Aggregation, { minItems: 1, maxItems: 256 }),
    having: Type.Optional(Type.Array(Filter, { maxItems: conditionsMax })),
    order_by: Type.Optional(Type.Array(OrderBy, { maxItems: 32 })),
    limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    consistency: Type.Optional(Consistency),
    result_cache: Type.Optional(ResultCacheOption),
    timeout_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3_600 })),
  },
  { $id: 'AggregateRequest', additionalProperties: false },
);
export type AggregateRequest = Static<typeof AggregateRequest>;
