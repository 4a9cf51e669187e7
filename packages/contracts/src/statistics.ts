import { type Static, Type } from 'typebox';

/**
 * Bounds of one column in one file. `min`/`max` are in the form of Delta statistics: numbers and decimals as text,
 * strings cut to 32 code points (max rounded up), dates YYYY-MM-DD, timestamps ISO 8601 in UTC. Null when unknown.
 */
export const ColumnStatistics = Type.Object(
  {
    min: Type.Union([Type.String(), Type.Null()]),
    max: Type.Union([Type.String(), Type.Null()]),
    nulls: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  },
  { $id: 'ColumnStatistics', additionalProperties: false },
);
export type ColumnStatistics = Static<typeof ColumnStatistics>;

/** One live file of a table. `partition` holds Delta partition values as text or null. `columns` holds bounds by column name. */
export const FileStatistics = Type.Object(
  {
    path: Type.String(),
    bytes: Type.Integer({ minimum: 0 }),
    rows: Type.Integer({ minimum: 0 }),
    partition: Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])),
    columns: Type.Record(Type.String(), ColumnStatistics),
    modified_at: Type.Integer({ description: 'milliseconds since 1970' }),
  },
  { $id: 'FileStatistics', additionalProperties: false },
);
export type FileStatistics = Static<typeof FileStatistics>;
