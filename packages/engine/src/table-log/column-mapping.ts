import type { Column } from '@hybridstore/contracts';
import { HybridStoreError, isRecord } from '@hybridstore/runtime';
import type { MetadataAction, ProtocolAction } from './actions.ts';

/**
 * Delta's column mapping (protocol text: PROTOCOL.md, "Column Mapping", mode `name`): without it, other engines refuse
 * names with some characters. A table gets it with its first such column, and no sooner, since not every reader knows it.
 *
 * Columns keep their own names in files, statistics and partition values. delta-rs reads version 2 tables without looking
 * at the mapping and answers NULL where a file calls a column otherwise; where both names are the same it is right, and so
 * is whoever opens a file by itself.
 *
 * Left out: names that another engine has changed. Such a table is refused, for its definition does not know them.
 */
const charactersOfMapping = /[ ,;{}()\n\t=]/;
const modeKey = 'delta.columnMapping.mode';
const maxIdKey = 'delta.columnMapping.maxColumnId';
const idKey = 'delta.columnMapping.id';
const nameKey = 'delta.columnMapping.physicalName';

export const mappedProtocol: ProtocolAction = { minReaderVersion: 2, minWriterVersion: 5 };

export function needsMapping(columns: readonly Column[]): boolean {
  return columns.some(({ name }) => charactersOfMapping.test(name));
}

export function isMapped({ configuration }: Pick<MetadataAction, 'configuration'>): boolean {
  return configuration[modeKey] === 'name';
}

/** Of the column at a place of the schema, for good: columns are only ever added at the end. */
export function fieldId(index: number): number {
  return index + 1;
}

export function mappingOfField(name: string, index: number): Readonly<Record<string, string | number>> {
  return { [idKey]: fieldId(index), [nameKey]: name };
}

export function mappingConfiguration(columns: readonly Column[]): Readonly<Record<string, string>> {
  return { [modeKey]: 'name', [maxIdKey]: String(columns.length) };
}

/** `corrupt` when the files may hold a column of the definition under another name than its own. */
export function requireOwnNames(metadata: MetadataAction, columns: readonly Column[], table: string): void {
  const mode = metadata.configuration[modeKey] ?? 'none';
  if (mode === 'none') return;
  if (mode !== 'name')
    throw new HybridStoreError('corrupt', `table ${table}: expected column mapping by name, found ${mode}`, { table });
  const stored = storedNames(metadata, table);
  const other = columns.find(({ name }) => stored.get(name) !== name);
  if (other)
    throw new HybridStoreError(
      'corrupt',
      `table ${table}: column ${other.name} was renamed or taken away by another engine`,
      { table, column: other.name },
    );
}

/** Names that files use, by name of the schema. */
function storedNames({ schemaString }: MetadataAction, table: string): ReadonlyMap<unknown, unknown> {
  const schema = parseSchema(schemaString, table);
  const fields = isRecord(schema) && Array.isArray(schema['fields']) ? schema['fields'] : [];
  return new Map(
    fields.filter(isRecord).map(({ name, metadata }) => [name, isRecord(metadata) ? metadata[nameKey] : undefined]),
  );
}

function parseSchema(text: string, table: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HybridStoreError('corrupt', `table ${table}: its schemaString is no JSON`, { table }, { cause });
  }
}
