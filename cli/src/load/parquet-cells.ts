import { HybridStoreError } from '@hybridstore/runtime';
import type { SchemaElement, SchemaTree } from 'hyparquet';
import { formatDay, formatDecimal, formatInstant, formatTimeOfDay } from './exact-values.ts';
import { decodeJson, decodeText, objectOfEntries, requireFiniteDays, requireFiniteUnits } from './refused-value.ts';

/** From what the library reads of a column to its value; never of null. */
export type Cell = (stored: unknown) => unknown;

const unitsPerSecond = { MILLIS: 1_000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n } as const;
/** The library makes the right value of these by itself. */
const kept: readonly string[] = [
  'UINT_8',
  'UINT_16',
  'UINT_32',
  'UINT_64',
  'INT_8',
  'INT_16',
  'INT_32',
  'INT_64',
  'LIST',
];
const keptLogical: readonly string[] = ['INTEGER', 'UUID', 'FLOAT16', 'LIST'];

/** An element of the schema as the library shall see it: the bare storage of whatever is made a value of here. */
export function withoutMeaning(element: SchemaElement): SchemaElement {
  const { converted_type: converted, logical_type: logical, ...plain } = element;
  const kind = converted ?? (logical?.type === 'LIST' ? logical.type : undefined);
  return {
    ...plain,
    ...(kind !== undefined && kept.includes(kind) ? { converted_type: kind } : {}),
    ...(logical !== undefined && keptLogical.includes(logical.type) ? { logical_type: logical } : {}),
  };
}

/** `tree` as the file has it. Throws `invalid_request` for a type that JSON has no form for. */
export function buildParquetCell(path: string, tree: SchemaTree): Cell {
  if (tree.element.repetition_type === 'REPEATED') return listOf(buildOnce(path, tree));
  return buildOnce(path, tree);
}

function buildOnce(path: string, tree: SchemaTree): Cell {
  const { element, children } = tree;
  const kind = element.converted_type ?? element.logical_type?.type;
  if (element.logical_type?.type === 'VARIANT') throw unsupported(path, tree, 'VARIANT');
  if (children.length === 0) return leafCell(path, tree);
  const [only] = children;
  if (
    kind === 'LIST' &&
    only !== undefined &&
    children.length === 1 &&
    only.element.repetition_type === 'REPEATED' &&
    only.children.length <= 1
  ) {
    const item = only.children[0] ?? only;
    return listOf(item === only ? buildOnce(path, item) : buildParquetCell(path, item));
  }
  // Old writers name the map by what its entries are.
  if ((kind === 'MAP' || kind === 'MAP_KEY_VALUE') && only?.children.length === 2) return mapCell(path, only);
  const fields = children.map((child) => [child.element.name, buildParquetCell(path, child)] as const);
  return (stored) => {
    const record = stored as Readonly<Record<string, unknown>>; // of a group of the schema
    return Object.fromEntries(fields.map(([name, cell]) => [name, orNull(cell, record[name])]));
  };
}

function orNull(cell: Cell, stored: unknown): unknown {
  return stored === null || stored === undefined ? null : cell(stored);
}

function listOf(item: Cell): Cell {
  return (stored) => (stored as readonly unknown[]).map((one) => orNull(item, one)); // of a list of the schema
}

/** The library would make an object of a map, in which the last of equal keys wins; as a list of pairs it comes whole. */
function mapCell(path: string, entries: SchemaTree): Cell {
  const [key, value] = entries.children;
  if (key === undefined || value === undefined) throw unsupported(path, entries, 'a map without values');
  if (meaningOf(key.element) !== 'text') throw unsupported(path, key, 'a map whose keys are no text');
  const [keyCell, valueCell] = [buildParquetCell(path, key), buildParquetCell(path, value)];
  return (stored) => {
    const pairs = (stored as Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>)[
      entries.element.name
    ]; // of a map of the schema
    return objectOfEntries(
      (pairs ?? []).map((pair) => [
        String(keyCell(pair[key.element.name])),
        orNull(valueCell, pair[value.element.name]),
      ]),
    );
  };
}

function meaningOf({ converted_type: converted, logical_type: logical }: SchemaElement): 'text' | 'json' | undefined {
  if (converted === 'JSON' || logical?.type === 'JSON') return 'json';
  const isText = converted === 'UTF8' || converted === 'ENUM' || logical?.type === 'STRING' || logical?.type === 'ENUM';
  return isText ? 'text' : undefined;
}

function leafCell(path: string, tree: SchemaTree): Cell {
  const { element } = tree;
  const { type, converted_type: converted, logical_type: logical } = element;
  const meaning = meaningOf(element);
  if (meaning === 'text') return (stored) => decodeText(stored as Uint8Array); // of BYTE_ARRAY storage
  if (meaning === 'json') return (stored) => decodeJson(stored as Uint8Array); // as above
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL')
    return decimalCell(element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0));
  if (converted === 'DATE' || logical?.type === 'DATE') return (stored) => formatDay(requireFiniteDays(Number(stored)));
  const time = timeUnit(element, 'TIME');
  if (time !== undefined) return (stored) => formatTimeOfDay(integerOf(stored), time);
  const instant = timeUnit(element, 'TIMESTAMP');
  if (instant !== undefined) return (stored) => formatInstant(requireFiniteUnits(integerOf(stored)), instant);
  const other = converted ?? logical?.type;
  if (other === 'INTERVAL' || other === 'BSON' || other === 'GEOMETRY' || other === 'GEOGRAPHY')
    throw unsupported(path, tree, other);
  if (type === undefined) throw unsupported(path, tree, 'a group without fields');
  return (stored) => stored;
}

function timeUnit({ converted_type: converted, logical_type: logical }: SchemaElement, kind: 'TIME' | 'TIMESTAMP') {
  if (logical?.type === kind) return unitsPerSecond[logical.unit];
  if (converted === `${kind}_MILLIS`) return unitsPerSecond.MILLIS;
  return converted === `${kind}_MICROS` ? unitsPerSecond.MICROS : undefined;
}

function decimalCell(scale: number): Cell {
  return (stored) => formatDecimal(stored instanceof Uint8Array ? readBigEndian(stored) : integerOf(stored), scale);
}

function integerOf(stored: unknown): bigint {
  return BigInt(stored as number | bigint); // of INT32 or INT64 storage
}

function readBigEndian(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

function unsupported(path: string, { path: column }: SchemaTree, type: string): HybridStoreError {
  const name = column.join('.');
  return new HybridStoreError(
    'invalid_request',
    `${path}: column ${name}: expected a type that JSON has a form for, found ${type}`,
    { column: name, actual: type },
  );
}

/** The type of a column that keeps every value of this part of the schema. */
export function parquetColumnType({ element, children }: SchemaTree): string {
  const { type, converted_type: converted, logical_type: logical, repetition_type: repetition } = element;
  if (children.length > 0 || repetition === 'REPEATED' || meaningOf(element) === 'json') return 'json';
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return `decimal(38,${element.scale ?? 0})`;
  if (converted === 'DATE' || logical?.type === 'DATE') return 'date';
  if (timeUnit(element, 'TIME') !== undefined) return 'string';
  if (timeUnit(element, 'TIMESTAMP') !== undefined || type === 'INT96') return 'timestamp';
  if (logical?.type === 'FLOAT16' || type === 'FLOAT' || type === 'DOUBLE') return 'double';
  if (type === 'BOOLEAN') return 'boolean';
  const isUnsigned = converted?.startsWith('UINT_') || (logical?.type === 'INTEGER' && !logical.isSigned);
  if (type === 'INT32') return isUnsigned ? 'bigint' : 'integer';
  if (type === 'INT64') return isUnsigned ? 'decimal(20,0)' : 'bigint';
  return 'string';
}
