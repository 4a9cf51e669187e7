import type { Dialect, PlanExpression } from '@hybridstore/contracts';
import { call, cast, text, tryCast } from '@hybridstore/plan';

/**
 * A bound expression with what is known of its type: a data type of the plan, or `null`, `literal` (a bare text, which
 * takes the type of what it meets), `list`, `struct`, `unknown`. A `json` value has no declared type inside: beside a
 * number it is read as a number, beside anything else as text.
 */
export type Typed = {
  readonly node: PlanExpression;
  readonly type: string;
  /** The number that a hexadecimal literal is in arithmetic; beside texts it is the text of its bytes. */
  readonly bits?: string;
  /** Digits behind the point that a quotient of MySQL shows; it is reckoned with in more. */
  readonly shownScale?: number | undefined;
};

const integers = new Set(['tinyint', 'smallint', 'integer', 'bigint', 'ubigint', 'hugeint']);

export const isInteger = (type: string): boolean => integers.has(type);
export const isDecimal = (type: string): boolean => type.startsWith('decimal');
export const isFloating = (type: string): boolean => type === 'double' || type === 'float';
export const isNumber = (type: string): boolean => isInteger(type) || isDecimal(type) || isFloating(type);
export const isText = (type: string): boolean => type === 'string' || type === 'literal';
/** What clocks show, of no zone that is known: PostgreSQL's timestamp. Kept apart from moments for AT TIME ZONE alone. */
export const localTimestamp = 'local_timestamp';
const temporals = new Set(['date', 'timestamp', 'timestamptz', localTimestamp]);
export const isTemporal = (type: string): boolean => temporals.has(type);

/** Kinds of values of which none becomes another by itself; undefined for what takes the kind of what it meets. */
export type Family = 'number' | 'text' | 'condition' | 'time';

export function familyOf(type: string): Family | undefined {
  if (isNumber(type)) return 'number';
  if (isTemporal(type) || type === 'time' || type === 'interval') return 'time';
  if (type === 'boolean') return 'condition';
  return type === 'string' ? 'text' : undefined;
}

const digitsMax = 38;

/** Digits behind the point of an exact number; undefined for every other type. */
export function exactScale(type: string): number | undefined {
  if (isInteger(type)) return 0;
  const [, scale] = /^decimal\(\d+,(\d+)\)$/.exec(type) ?? [];
  return scale === undefined ? undefined : Number(scale);
}

export function decimalOf(scale: number): string {
  return `decimal(${digitsMax},${Math.min(scale, digitsMax)})`;
}

/** A quotient in the digits that it is shown in; every other value as it is. */
export function shown(value: Typed): Typed {
  if (value.shownScale === undefined) return value;
  const type = decimalOf(value.shownScale);
  return typed(cast(value.node, type), type);
}

/** The type that values of several types have in common, as far as it matters here. */
export function commonType(types: readonly string[]): string {
  const known = [...new Set(types.filter((type) => type !== 'null' && type !== 'literal'))];
  const [first] = known;
  if (first === undefined) return types.includes('literal') ? 'string' : 'null';
  if (known.length === 1) return first;
  if (known.every(isInteger)) return known.includes('hugeint') ? 'hugeint' : 'bigint';
  if (known.every(isNumber))
    return known.some(isFloating) ? 'double' : decimalOf(Math.max(...known.map((type) => exactScale(type) ?? 0)));
  if (known.every(isTemporal)) return 'timestamp';
  return 'unknown';
}

/** Text of a JSON value: strings without quotes, null for JSON null. */
export function jsonText(value: Typed): PlanExpression {
  if (value.node.kind === 'json_path') return { ...value.node, as: 'text' };
  return call('json_extract_string', value.node, { kind: 'literal', type: 'string', value: '$' });
}

/** A value where a text is expected. */
export function textOf(given: Typed): PlanExpression {
  const value = shown(given);
  if (value.type === 'json') return jsonText(value);
  // With its offset, which is that of UTC.
  if (value.type === 'timestamptz') return cast(cast(value.node, 'timestamptz'), 'string');
  return isText(value.type) || value.type === 'null' || value.type === 'unknown'
    ? value.node
    : cast(value.node, 'string');
}

/** Text of a value as the dialect writes it: MySQL's conditions are `1` and `0`, whole doubles `7` but in DuckDB. */
export function dialectText(value: Typed, dialect: Dialect): PlanExpression {
  if (isFloating(value.type) && dialect !== 'duckdb') return doubleText(value, dialect);
  const isSwitch = value.type === 'boolean' && dialect === 'mysql';
  return isSwitch ? cast(cast(value.node, 'integer'), 'string') : textOf(value);
}

/** The engine writes 7.0 and 1e+20, PostgreSQL 7 and 1e+20, MySQL 7 and 1e20. */
function doubleText(value: Typed, dialect: Dialect): PlanExpression {
  const bare = call('regexp_replace', cast(value.node, 'string'), text('\\.0$'), text(''));
  return dialect === 'mysql' ? call('replace', bare, text('e+'), text('e')) : bare;
}

/** A JSON value read as the type of what it meets; every other value as it is. */
export function readJsonAs(value: Typed, type: string): Typed {
  if (value.type !== 'json' || type === 'json') return value;
  if (isNumber(type)) return { node: tryCast(jsonText(value), 'double'), type: 'double' };
  // The engine's own conversion of a text to a time drops its offset.
  if (type === 'timestamp' || type === localTimestamp)
    return { node: tryCast(tryCast(jsonText(value), 'timestamptz'), 'timestamp'), type };
  if (type === 'boolean' || isTemporal(type)) return { node: tryCast(jsonText(value), type), type };
  return { node: jsonText(value), type: 'string' };
}

/** Values that meet each other (in a comparison, a CASE, COALESCE): JSON among them takes the others' type. */
export function unify(values: readonly Typed[]): { readonly values: readonly Typed[]; readonly type: string } {
  const others = values.filter((value) => value.type !== 'json').map((value) => value.type);
  if (others.length === values.length) return { values, type: commonType(others) };
  const known = others.filter((type) => type !== 'null');
  if (known.length === 0) return { values, type: 'json' };
  const type = commonType(known);
  const read = values.map((value) => readJsonAs(value, type));
  return { values: read, type: commonType(read.map((value) => value.type)) };
}

/** A hexadecimal literal as the number that its bits are; every other value as it is. */
export function bitsAsNumber(value: Typed): Typed {
  if (value.bits === undefined) return value;
  const isShort = value.bits.length <= shortDigitsMax;
  return isShort
    ? typed({ kind: 'literal', type: 'bigint', value: Number(value.bits) }, 'bigint')
    : typed(cast({ kind: 'literal', type: 'hugeint', value: value.bits }, 'ubigint'), 'ubigint');
}

/** Digits of which a JSON number loses none. */
const shortDigitsMax = 15;

/** The type of a time without a zone: what clocks show, but in MySQL, which has no other times. */
export function timeType(dialect: Dialect): string {
  return dialect === 'mysql' ? 'timestamp' : localTimestamp;
}

/** The type as plans and answers name it. */
export function shownType(type: string): string {
  return type.replace(localTimestamp, 'timestamp').replace('timestamptz', 'timestamp');
}

export function typed(node: PlanExpression, type: string): Typed {
  return { node, type };
}

/** Number of a constant argument, when it is one. */
export function constantNumber(value: Typed): number | undefined {
  return value.node.kind === 'literal' && typeof value.node.value === 'number' ? value.node.value : undefined;
}
