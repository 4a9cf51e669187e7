import type { PlanExpression } from '@hybridstore/contracts';
import { call, choose, compare, integer, literal, logic, not, nullLiteral, text, tryCast } from '@hybridstore/plan';
import { unsignedPrefix } from '../syntax/json-table-text.ts';
import type { Fields } from '../syntax/syntax-tree.ts';
import { isFloating, jsonText, readJsonAs, type Typed, typed } from './types.ts';

/**
 * A column of MySQL's `JSON_TABLE`: the value at its path as its type, NULL where there is none or it does not fit.
 *
 *     '12' as INT    12        'abc' as INT          NULL     {…} as INT or VARCHAR    NULL
 *     true as INT    1         300 as TINYINT        NULL     {…} as JSON              {…}
 *     1.7 as INT     2         'abc' as VARCHAR(2)   NULL     null as JSON             NULL
 */
export type ColumnType = { readonly type: string; readonly read: (value: Typed) => PlanExpression };

const numberForm = String.raw`\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*`;
/** The engine knows words for some times (`epoch`), and years of more than four digits. */
const momentForm = String.raw`\s*\d{1,4}\D.*`;
const typeForm = /^([a-z_]+)(?:\((\d{1,9})(?:, ?(\d{1,2}))?\))?$/;

/** The bounds of types that the plan has none of its own for. */
type Whole = { readonly type: string; readonly low?: number; readonly high?: number };
const wholeTypes: Readonly<Record<string, Whole>> = {
  tinyint: { type: 'tinyint' },
  boolean: { type: 'tinyint' },
  smallint: { type: 'smallint' },
  mediumint: { type: 'integer', low: -8_388_608, high: 8_388_607 },
  int: { type: 'integer' },
  integer: { type: 'integer' },
  bigint: { type: 'bigint' },
  [`${unsignedPrefix}tinyint`]: { type: 'bigint', low: 0, high: 255 },
  [`${unsignedPrefix}smallint`]: { type: 'bigint', low: 0, high: 65_535 },
  [`${unsignedPrefix}mediumint`]: { type: 'bigint', low: 0, high: 16_777_215 },
  [`${unsignedPrefix}int`]: { type: 'bigint', low: 0, high: 4_294_967_295 },
  [`${unsignedPrefix}integer`]: { type: 'bigint', low: 0, high: 4_294_967_295 },
  [`${unsignedPrefix}bigint`]: { type: 'ubigint' },
};
const textTypes = new Set(['char', 'varchar', 'text', 'tinytext', 'mediumtext', 'longtext']);
const momentTypes: Readonly<Record<string, string>> = {
  date: 'date',
  datetime: 'timestamp',
  timestamp: 'timestamp',
  time: 'time',
};
/** Digits of a second that every moment has here. */
const momentDigits = 6;
const decimalDigitsMax = 38;

/** `written` is the type as the parser writes it: `DECIMAL(10, 2)`. */
export function columnType(written: string, fields: Fields): ColumnType {
  const [, name = '', first, second] = typeForm.exec(written.toLowerCase()) ?? [];
  const size = first === undefined ? undefined : Number(first);
  const whole = wholeTypes[name];
  if (whole) return { type: whole.type, read: (value) => wholeNumber(value, whole) };
  if (name === 'double' || name === 'float') return { type: 'double', read: (value) => number(value, 'double') };
  if (name === 'json' && size === undefined) return { type: 'json', read: (value) => value.node };
  if (textTypes.has(name)) return { type: 'string', read: (value) => textWithin(value, lengthOf(name, size)) };
  if (name === 'decimal' || name === 'dec') return decimalColumn(size ?? 10, Number(second ?? 0), written, fields);
  const moment = momentTypes[name];
  if (moment !== undefined && (size === undefined || (size === momentDigits && name !== 'date')))
    return { type: moment, read: (value) => momentOf(value, moment) };
  throw refuseType(written, fields);
}

function refuseType(written: string, fields: Fields) {
  const name = written.replace(unsignedPrefix, 'UNSIGNED ').slice(0, 100);
  return fields.refuse(`JSON_TABLE: type ${name} of a column is not supported`, {
    name,
    expected: 'an integer type, DECIMAL, DOUBLE, CHAR, VARCHAR, TEXT, DATE, DATETIME, DATETIME(6), TIME or JSON',
  });
}

function decimalColumn(precision: number, scale: number, written: string, fields: Fields): ColumnType {
  if (precision < 1 || precision > decimalDigitsMax || scale > precision) throw refuseType(written, fields);
  const type = `decimal(${precision},${scale})`;
  return { type, read: (value) => number(value, type) };
}

/** CHAR without a length holds one character. */
function lengthOf(name: string, size: number | undefined): number | undefined {
  return name === 'char' ? (size ?? 1) : size;
}

const isKind = (value: Typed, kind: string): PlanExpression => compare('eq', call('json_type', value.node), text(kind));

/** Numbers, texts that are one as a whole, and true and false, which are 1 and 0. */
function number(value: Typed, type: string): PlanExpression {
  const plain = jsonText(value);
  const read = tryCast(plain, type);
  const isNumber = call('regexp_full_match', plain, text(numberForm));
  const fits = isFloating(type) ? logic('and', [isNumber, not(call('isinf', read))]) : isNumber;
  const one = tryCast(choose(compare('eq', plain, text('true')), integer(1), integer(0)), type);
  return choose(isKind(value, 'BOOLEAN'), one, choose(fits, read, nullLiteral));
}

function wholeNumber(value: Typed, { type, low, high }: Whole): PlanExpression {
  const read = number(value, type);
  if (low === undefined || high === undefined) return read;
  const fits: PlanExpression = {
    kind: 'between',
    value: read,
    low: literal('bigint', low),
    high: literal('bigint', high),
    negated: false,
  };
  return choose(fits, read);
}

/** Every value but objects and arrays; none is cut. */
function textWithin(value: Typed, length: number | undefined): PlanExpression {
  const plain = jsonText(value);
  const isComposite = logic('or', [isKind(value, 'OBJECT'), isKind(value, 'ARRAY')]);
  if (length === undefined) return choose(not(isComposite), plain);
  return choose(logic('and', [not(isComposite), compare('lte', call('length', plain), integer(length))]), plain);
}

function momentOf(value: Typed, type: string): PlanExpression {
  const plain = typed(jsonText(value), 'string');
  const read = type === 'time' ? tryCast(plain.node, type) : readJsonAs(value, type).node;
  const isMoment = call('regexp_full_match', plain.node, text(momentForm));
  return choose(logic('and', [isKind(value, 'VARCHAR'), isMoment]), read);
}
