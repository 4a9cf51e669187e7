import { type Static, Type } from 'typebox';
import { SourceId } from './identifiers.ts';
import { Column, SourceDefinition } from './source-schema.ts';

export const SourceAdded = Type.Object(
  { source_id: SourceId, created: Type.Boolean(), schema_version: Type.Integer({ minimum: 1 }) },
  { $id: 'SourceAdded', additionalProperties: false },
);
export type SourceAdded = Static<typeof SourceAdded>;

export const SourceSummary = Type.Object(
  {
    source_id: SourceId,
    definition: SourceDefinition,
    columns: Type.Array(Column),
    schema_version: Type.Integer({ minimum: 1 }),
    table_version: Type.Integer({ minimum: 0 }),
  },
  { $id: 'SourceSummary', additionalProperties: false },
);
export type SourceSummary = Static<typeof SourceSummary>;
const DamagedSources = Type.Array(SourceId, {
  description: 'sources whose table cannot be read, since its log or pointer is damaged; absent when there are none',
});
export const SourceList = Type.Object(
  { sources: Type.Array(SourceSummary), damaged: Type.Optional(DamagedSources) },
  { $id: 'SourceList', additionalProperties: false },
);
export type SourceList = Static<typeof SourceList>;

/** From so many partition values on, the condition of a source says so, and its writes carry a warning. */
export const partitionsWorrying = 1_000;

/** Exact counts: `rows` = committed rows, `unflushed_rows` = acknowledged rows of all reachable replicas not yet committed. */
export const SourceStats = Type.Object(
  {
    source_id: SourceId,
    rows: Type.Integer(),
    bytes: Type.Integer(),
    files: Type.Integer(),
    partitions: Type.Optional(
      Type.Integer({
        description: 'different partition values of its files; absent for a source that is not partitioned',
      }),
    ),
    unflushed_rows: Type.Integer(),
    flush_failing: Type.Optional(
      Type.String({ description: 'why acknowledged rows are not flushed; absent when nothing is wrong' }),
    ),
    schema_version: Type.Integer(),
    table_version: Type.Integer(),
    last_commit_at: Type.Union([Type.String(), Type.Null()]),
    damaged: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 20,
        description: 'files, commits and checkpoints that are not what was written; queries that need such a file fail',
      }),
    ),
  },
  { $id: 'SourceStats', additionalProperties: false },
);
export type SourceStats = Static<typeof SourceStats>;

export const TenantStats = Type.Object(
  {
    tenant_id: Type.String(),
    tenant_name: Type.String(),
    node: Type.String(),
    sources: Type.Array(SourceStats),
    damaged: Type.Optional(DamagedSources),
    rows: Type.Integer(),
    bytes: Type.Integer(),
    unflushed_rows: Type.Integer(),
    running_queries: Type.Integer(),
    members: Type.Array(
      Type.Object(
        { pod: Type.String(), state: Type.Enum(['active', 'drained']), reachable: Type.Boolean() },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'TenantStats', additionalProperties: false },
);
export type TenantStats = Static<typeof TenantStats>;
