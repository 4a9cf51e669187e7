import { type Static, Type } from 'typebox';
import type { ErrorCode } from './errors.ts';
import { SourceId } from './identifiers.ts';

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

/** What a look at every durable byte of one node's log has found, while the node serves. */
export const LogChecked = Type.Object(
  {
    node: Type.String(),
    files: Type.Integer(),
    bytes: Type.Integer(),
    problems: Type.Array(
      Type.Object(
        {
          kind: Type.Union([
            Type.Literal('segment'),
            Type.Literal('ids'),
            Type.Literal('head'),
            Type.Literal('log-id'),
          ]),
          name: Type.String(),
          reason: Type.String(),
          spare: Type.Boolean({ description: 'whether the next start of the node loses nothing by it' }),
          after_lsn: Type.Optional(Type.Integer({ description: 'of a segment: frames after this one are lost' })),
          until_lsn: Type.Optional(Type.Integer({ description: 'of a segment: frames up to this one are lost' })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'LogChecked', additionalProperties: false },
);
export type LogChecked = Static<typeof LogChecked>;

/** A node's log in lines: how far the look has come, and at the end what it has found. */
export const LogLine = Type.Union(
  [
    Type.Object(
      {
        reading: Type.Object(
          { log: Type.String(), bytes: Type.Integer(), total: Type.Integer() },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
    Type.Object({ log: LogChecked }, { additionalProperties: false }),
  ],
  { $id: 'LogLine' },
);
export type LogLine = Static<typeof LogLine>;

/**
 * A check of a tenant in lines: the source and its bytes so far, a source that is done, the same of logs, a log that nobody
 * could read, what else is worth knowing, and at the end how many there were.
 */
export type CheckLine =
  | { readonly progress: { readonly source_id: string; readonly bytes: number } }
  | { readonly checked: SourceChecked }
  | LogLine
  | { readonly unchecked: { readonly log: string; readonly code: ErrorCode; readonly reason: string } }
  | { readonly note: string }
  | {
      readonly done: {
        readonly node: string;
        readonly sources: number;
        readonly logs: number;
        readonly damaged: number;
      };
    };

/** What a service has found in its own database while it served: header, schema, pages, indexes, references, rows. */
export const DatabaseChecked = Type.Object(
  {
    file: Type.String(),
    bytes: Type.Integer(),
    has_ledger: Type.Boolean({ description: 'whether rows were compared with what was written' }),
    damage: Type.Optional(Type.String({ description: 'absent when nothing is damaged' })),
  },
  { $id: 'DatabaseChecked', additionalProperties: false },
);
export type DatabaseChecked = Static<typeof DatabaseChecked>;
