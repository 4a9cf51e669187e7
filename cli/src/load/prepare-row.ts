import { type Column, type ColumnType, parseColumnType } from '@hybridstore/contracts';
import { type ExactNumber, exactNumber, HybridStoreError, isExactNumber, isRecord } from '@hybridstore/runtime';
import { formatInstant } from './exact-values.ts';
import type { Fields } from './row.ts';
import type { ReadTimestamp } from './timestamp-format.ts';

export const epochUnits = ['s', 'ms', 'us'] as const;

/** How values are to be understood where a file does not say it. */
export type ValueRules = {
  /** Texts of CSV that stand for null, whatever the column. */
  readonly nullTexts?: readonly string[];
  /** `1.234,5` of CSV is a number, and `1.5` is none. */
  readonly hasDecimalComma?: boolean;
  /** Reads every text of a date or timestamp column. */
  readonly readTimestamp?: ReadTimestamp;
  /** What a number in a date or timestamp column counts, since 1970. */
  readonly epoch?: (typeof epochUnits)[number];
  /** Digits behind the microseconds of a timestamp column are refused by the platform instead of cut. */
  readonly refusesNanoseconds?: boolean;
  /** Hears of each timestamp that was cut to microseconds. */
  readonly onTruncated?: () => void;
  /** Hears of each NaN of a document, which becomes null. */
  readonly onNotANumber?: () => void;
  /** Hears of each name that stands for a column in another Unicode normal form. */
  readonly onRespelled?: (name: string) => void;
};

type Columns = ReadonlyMap<string, Column>;
const noRules: ValueRules = {};
/** JSON.stringify writes it without its sign. */
const negativeZero = exactNumber('-0');

/** A file that knows timestamps only holds its days like this. */
const midnight = /^\d{4}-\d\d-\d\dT00:00:00Z$/;
const unitsPerSecond = { s: 1n, ms: 1_000n, us: 1_000_000n } as const;
/** As people write numbers; a hexadecimal one, a word and a blank are none. */
const decimalText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const decimalCommaText = /^[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?(?:[eE][+-]?\d+)?$/;
const finerThanMicroseconds = /^(.{10}[T ]\d\d:\d\d:\d\d[.,]\d{6})(\d+)(.*)$/;

/**
 * A row as `/data/write` takes it. Text from CSV gets the type of its column (a blank cell is null, a number is written as
 * one); values that JSON lacks are written in the forms the wire knows. What is no value of its column stays as it is, for
 * the platform to name. Throws `invalid_request` for what the platform would take for something else.
 */
export function prepareRow(
  fields: Fields,
  columns: Columns | undefined,
  isText: boolean,
  rules: ValueRules = noRules,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([written, value]) => {
      const name = columnNameOf(written, columns, rules);
      const column = columns?.get(name);
      const typed =
        isText && typeof value === 'string'
          ? typedText(value, column, rules)
          : prepareValue(value, { name, column, rules });
      return [name, isMomentColumn(column) ? prepareMoment(typed, { name, type: kindOf(column), rules }) : typed];
    }),
  );
}

/** Columns have names in normal form C; some systems write files in form D, which looks the same. */
function columnNameOf(name: string, columns: Columns | undefined, { onRespelled }: ValueRules): string {
  if (columns === undefined || columns.has(name)) return name;
  const respelled = name.normalize('NFC');
  if (!columns.has(respelled)) return name;
  onRespelled?.(name);
  return respelled;
}

function typedText(text: string, column: Column | undefined, rules: ValueRules): unknown {
  if (rules.nullTexts?.includes(text)) return null;
  const kind = kindOf(column);
  if (kind === undefined || kind === 'string') return text;
  // No-break spaces are blanks too.
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (kind === 'boolean')
    return /^(true|t|1|yes)$/i.test(trimmed) ? true : /^(false|f|0|no)$/i.test(trimmed) ? false : text;
  if (kind === 'integer' || kind === 'bigint' || kind === 'double' || kind === 'decimal')
    return typedNumber(trimmed, kind, rules) ?? requireNoNumber(text, column, rules);
  return trimmed;
}

/** The platform names what is no number, and would take `1.5` for one where the file writes `1,5`. */
function requireNoNumber(text: string, column: Column | undefined, { hasDecimalComma }: ValueRules): string {
  if (hasDecimalComma) throw refusedValue(column?.name ?? '', 'a number with a decimal comma', text);
  return text;
}

/** Undefined for what is no number. Numbers beyond 2^53 and decimals keep their text, which the server reads exactly. */
function typedNumber(
  text: string,
  kind: ColumnType['kind'],
  rules: ValueRules,
): number | string | ExactNumber | undefined {
  const plain = rules.hasDecimalComma ? readDecimalComma(text) : decimalText.test(text) ? text : undefined;
  if (plain === undefined) return undefined;
  if (kind === 'decimal') return plain.replace(/^([+-]?)\./, '$10.').replace(/\.(?=$|[eE])/, '');
  if (kind === 'double' && Number(plain) === 0 && plain.startsWith('-')) return negativeZero;
  if (kind === 'double') return Number.isFinite(Number(plain)) ? Number(plain) : text;
  return /^[+-]?\d{1,15}$/.test(plain) ? Number(plain) : plain.replace(/^\+/, '');
}

/** `1.234,5` with a point in place of the comma; undefined for what is no number so. */
export function readDecimalComma(text: string): string | undefined {
  return decimalCommaText.test(text) ? text.replaceAll('.', '').replace(',', '.') : undefined;
}

function kindOf(column: Column | undefined): ColumnType['kind'] | undefined {
  return column === undefined ? undefined : parseColumnType(column.type)?.kind;
}

function isMomentColumn(column: Column | undefined): boolean {
  const kind = kindOf(column);
  return kind === 'timestamp' || kind === 'date';
}

type Moment = { readonly name: string; readonly type: string | undefined; readonly rules: ValueRules };

/** A date or a time as the platform reads it: ISO 8601 with at most microseconds. */
function prepareMoment(value: unknown, { name, type, rules }: Moment): unknown {
  if (value === null || value === undefined) return value;
  let text: unknown = value;
  if (rules.epoch !== undefined && isWholeNumber(value)) text = fromEpoch(value, rules.epoch);
  else if (rules.readTimestamp !== undefined && typeof value === 'string') {
    text = rules.readTimestamp(value);
    if (text === undefined) throw refusedValue(name, 'a text in the form of --timestamp-format', value);
  }
  if (typeof text !== 'string') return text;
  if (type === 'date') return text !== value && midnight.test(text) ? text.slice(0, 10) : text;
  return rules.refusesNanoseconds ? text : cutToMicroseconds(text, rules);
}

function isWholeNumber(value: unknown): value is number | string {
  return typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && /^-?\d+$/.test(value);
}

function fromEpoch(value: number | string, unit: keyof typeof unitsPerSecond): string {
  return formatInstant(BigInt(value), unitsPerSecond[unit]);
}

/** The rule for what columns of microseconds cannot hold: digits behind them are cut off, as the caller then says. */
function cutToMicroseconds(text: string, rules: ValueRules): string {
  const match = finerThanMicroseconds.exec(text);
  if (!match) return text;
  if (/[1-9]/.test(match[2] ?? '')) rules.onTruncated?.();
  return `${match[1]}${match[3]}`;
}

function refusedValue(name: string, expected: string, found: string): HybridStoreError {
  const message = `${name}: expected ${expected}, got ${JSON.stringify(found)}`;
  return new HybridStoreError('invalid_request', message, { column: name, expected, actual: found });
}

function isDocument(column: Column | undefined): boolean {
  return column === undefined || kindOf(column) === 'json';
}

type Place = { readonly name: string; readonly column: Column | undefined; readonly rules: ValueRules };

function prepareValue(value: unknown, place: Place): unknown {
  const { name, column, rules } = place;
  if (typeof value === 'bigint') return prepareBigint(value, column);
  if (typeof value === 'string' && midnight.test(value) && kindOf(column) === 'date') return value.slice(0, 10);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && !Number.isFinite(value)) return prepareInfinite(value, place);
  if (Object.is(value, -0)) return negativeZero;
  if (Array.isArray(value)) return value.map((item) => prepareValue(item, { name, column: undefined, rules }));
  if (isRecord(value)) return isExactNumber(value) ? value : prepareRow(value, undefined, false, rules);
  return value;
}

/** A double column takes these as words, and a column of another type refuses them by name; a document has no form for them. */
function prepareInfinite(value: number, { name, column, rules }: Place): string | null {
  if (!isDocument(column)) return String(value);
  if (!Number.isNaN(value)) throw refusedValue(name, 'a finite number in a document', String(value));
  rules.onNotANumber?.();
  return null;
}

/** In a document it is a number of as many digits as it has; columns read those beyond 2^53 from text. */
function prepareBigint(value: bigint, column: Column | undefined): unknown {
  if (Number.isSafeInteger(Number(value))) return Number(value);
  return isDocument(column) ? exactNumber(String(value)) : String(value);
}
