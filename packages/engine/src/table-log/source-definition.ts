import {
  type Column,
  columnTypeName,
  documentColumns,
  findColumnNameProblem,
  foldColumnName,
  parseColumnType,
  type SourceDefinition,
} from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';

/**
 * What a source may be declared as, and how a declaration may change. A table only grows: columns are added at the end,
 * may be null, and never change their type; what its files are laid out by stays. A collation may change: it says how
 * stored bytes are compared, not what they are.
 */

const unpartitionable: ReadonlySet<string> = new Set(['json', 'double']);

/** The definition as it is stored: type aliases resolved, bounds and references checked. `invalid_request` names the field. */
export function checkDefinition(definition: SourceDefinition): SourceDefinition {
  const columns = definition.columns?.map(canonicalColumn);
  if (columns) refuseTwins(columns);
  const known = new Map((columns ?? documentColumns).map((column) => [column.name, column]));
  for (const field of ['partition_columns', 'index_columns', 'primary_key'] as const)
    for (const name of definition[field] ?? []) requireColumn(definition, field, name, known);
  for (const name of definition.partition_columns ?? []) refusePartition(name, known.get(name)!);
  if (columns && (definition.partition_columns ?? []).length === columns.length)
    throw refused('partition_columns', 'at least one column besides the partition columns', 'none');
  return columns ? { ...definition, columns } : definition;
}

function canonicalColumn(column: Column, index: number): Column {
  const type = parseColumnType(column.type);
  if (!type) throw refused(`columns[${index}].type`, 'a type with its scale not above its precision', column.type);
  if (column.collation !== undefined && type.kind !== 'string')
    throw refused(`columns[${index}].collation`, 'none, since only a string column has one', column.collation);
  const expected = findColumnNameProblem(column.name);
  if (expected !== undefined) throw refused(`columns[${index}].name`, expected, JSON.stringify(column.name));
  return { ...column, type: columnTypeName(type) };
}

function refuseTwins(columns: readonly Column[]): void {
  const seen = new Map<string, string>();
  for (const [index, { name }] of columns.entries()) {
    const twin = seen.get(foldColumnName(name));
    if (twin !== undefined)
      throw refused(`columns[${index}].name`, `a name that differs from ${twin} by more than case`, name);
    seen.set(foldColumnName(name), name);
  }
}

function requireColumn(
  definition: SourceDefinition,
  field: 'partition_columns' | 'index_columns' | 'primary_key',
  name: string,
  known: ReadonlyMap<string, Column>,
): void {
  if (!known.has(name)) throw refused(field, 'columns of the schema', name);
  const times = (definition[field] ?? []).filter((other) => other === name).length;
  if (times > 1) throw refused(field, 'each column once', name);
}

function refusePartition(name: string, column: Column): void {
  if (unpartitionable.has(column.type))
    throw refused('partition_columns', 'columns of a type that can be a partition value', `${name} (${column.type})`);
}

/** What is stored, with the settings and columns that are named in addition; a column that is named again is as it is named. */
export function extendDefinition(stored: SourceDefinition, added: SourceDefinition): SourceDefinition {
  if (!stored.columns || !added.columns) return { ...stored, ...added };
  const named = new Map(added.columns.map((column) => [column.name, column]));
  const known = new Set(stored.columns.map(({ name }) => name));
  const columns = [
    ...stored.columns.map((column) => named.get(column.name) ?? column),
    ...added.columns.filter(({ name }) => !known.has(name)),
  ];
  return { ...stored, ...added, columns };
}

/** The stored definition after `wanted` is declared again, or undefined when nothing changes. `conflict` names what cannot change. */
export function evolveDefinition(stored: SourceDefinition, wanted: SourceDefinition): SourceDefinition | undefined {
  if ((stored.columns === undefined) !== (wanted.columns === undefined))
    throw conflict(stored, 'columns', stored.columns ? 'a declared schema' : 'no declared schema');
  for (const field of ['partition_columns', 'primary_key'] as const)
    if (!isSame(stored[field] ?? [], wanted[field] ?? []))
      throw conflict(stored, field, (stored[field] ?? []).join(', ') || 'none');
  const columns = stored.columns && wanted.columns ? evolveColumns(stored, stored.columns, wanted.columns) : undefined;
  const next: SourceDefinition = { ...wanted, ...(columns ? { columns } : {}) };
  return isSame(next, stored) ? undefined : next;
}

function evolveColumns(stored: SourceDefinition, known: readonly Column[], wanted: readonly Column[]): Column[] {
  const byName = new Map(wanted.map((column) => [column.name, column]));
  const kept = known.map((column) => {
    const other = byName.get(column.name);
    if (!other) throw conflict(stored, `columns.${column.name}`, 'the column stays');
    if (other.type !== column.type) throw conflict(stored, `columns.${column.name}.type`, column.type, other.type);
    if ((other.nullable !== false) !== (column.nullable !== false))
      throw conflict(stored, `columns.${column.name}.nullable`, String(column.nullable !== false));
    return other;
  });
  const added = wanted.filter((column) => !known.some((other) => other.name === column.name));
  for (const column of added) requireAddable(stored, column);
  refuseTwins([...kept, ...added]);
  return [...kept, ...added];
}

function requireAddable(stored: SourceDefinition, column: Column): void {
  if (stored.schema_evolution === 'Strict')
    throw conflict(stored, `columns.${column.name}`, 'no new column, since schema_evolution is Strict');
  if (column.nullable === false)
    throw conflict(stored, `columns.${column.name}.nullable`, 'true, since existing rows have no value');
}

/** Equality of plain JSON values; members that are undefined count as absent, their order does not matter. */
function isSame(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const [one, other] = [new Map(Object.entries(left)), new Map(Object.entries(right))];
  return [...new Set([...one.keys(), ...other.keys()])].every((key) => isSame(one.get(key), other.get(key)));
}

function refused(field: string, expected: string, actual: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `${field}: expected ${expected}, got ${actual}`, {
    field,
    expected,
    actual,
  });
}

function conflict(stored: SourceDefinition, field: string, expected: string, actual?: string): HybridStoreError {
  const got = actual === undefined ? '' : `, got ${actual}`;
  return new HybridStoreError(
    'conflict',
    `source ${stored.source_id}: ${field} cannot change: expected ${expected}${got}`,
    {
      source_id: stored.source_id,
      field,
      expected,
      ...(actual === undefined ? {} : { actual }),
    },
  );
}
