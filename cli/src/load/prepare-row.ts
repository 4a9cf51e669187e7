import { type Column, parseColumnType } from '@hybridstore/contracts';
import { isExactNumber, isRecord } from '@hybridstore/runtime';
import type { Fields } from './row.ts';

/** A file that knows timestamps only holds its days like this. */
const midnight = /^\d{4}-\d\d-\d\dT00:00:00Z$/;

/**
 * A row as `/data/write` takes it. Text from CSV gets the type of its column (an empty cell is null, a number is
 * written as one); values that JSON lacks are written in the forms the wire knows.
 */
export function prepareRow(
  fields: Fields,
  columns: ReadonlyMap<string, Column> | undefined,
  isText: boolean,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const column = columns?.get(name);
      return [name, isText && typeof value === 'string' ? typedText(value, column) : prepareValue(value, column)];
    }),
  );
}

function typedText(text: string, column: Column | undefined): unknown {
  const kind = kindOf(column);
  if (kind === undefined || kind === 'string') return text;
  if (text === '') return null;
  if (kind === 'boolean') return /^(true|t|1|yes)$/i.test(text) ? true : /^(false|f|0|no)$/i.test(text) ? false : text;
  // Numbers beyond 2^53 keep their text, which the server reads exactly.
  if (kind === 'integer' || kind === 'bigint') return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === 'double') return Number.isFinite(Number(text)) ? Number(text) : text;
  return text;
}

function kindOf(column: Column | undefined): string | undefined {
  return column === undefined ? undefined : parseColumnType(column.type)?.kind;
}

function isDocument(column: Column | undefined): boolean {
  return column === undefined || kindOf(column) === 'json';
}

function prepareValue(value: unknown, column: Column | undefined): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'string' && midnight.test(value) && kindOf(column) === 'date') return value.slice(0, 10);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  // A double column takes these as words, and a column of another type refuses them by name; a document has no form for them.
  if (typeof value === 'number' && !Number.isFinite(value)) return isDocument(column) ? null : String(value);
  if (Array.isArray(value)) return value.map((item) => prepareValue(item, undefined));
  if (isRecord(value)) return isExactNumber(value) ? value : prepareRow(value, undefined, false);
  return value;
}
