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

/** Exact counts: `rows` = committed rows, `unflushed_rows` = acknowledged rows of all reachable replicas not yet committed. */
export const SourceStats = Type.Object(
  {
    source_id: SourceId,
    rows: Type.Integer(),
    bytes: Type.Integer(),
    files: Type.Integer(),
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

/** What a look at every byte of one source has found: one line of `POST /admin/check`. */
export const SourceChecked = Type.Object(
  {
    source_id: SourceId,
    location: Type.Optional(Type.String({ description: 'prefix of the names; absent when nobody can say' })),
    readable: Type.Boolean({ description: 'whether queries that need none of the damaged segments are answered' }),
    objects: Type.Integer(),
    bytes: Type.Integer(),
    files_without_checksum: Type.Integer(),
    problems: Type.Array(
      Type.Object(
        {
          kind: Type.Union([Type.Literal('pointer'), Type.Literal('log'), Type.Literal('segment')]),
          name: Type.String(),
          reason: Type.String(),
          rows: Type.Optional(Type.Integer()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'SourceChecked', additionalProperties: false },
);
export type SourceChecked = Static<typeof SourceChecked>;

/** A check in lines: the source and its bytes so far, a source that is done, and at the end how many there were. */
export type CheckLine =
  | { readonly progress: { readonly source_id: string; readonly bytes: number } }
  | { readonly checked: SourceChecked }
  | { readonly done: { readonly node: string; readonly sources: number; readonly damaged: number } };

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
