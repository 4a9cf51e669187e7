import type { Dialect, IntervalUnit, PlanExpression } from '@hybridstore/contracts';
import { intervalUnits } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, integer, literal, not, planErrors, text } from '@hybridstore/plan';
import { Fields, isNode, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { asBytes } from './collations.ts';
import type { BindContext } from './context.ts';
import { isNumberText, isPostgresqlNumber, isUnbounded, refuseText } from './literal-texts.ts';
import { isMomentType, momentForms, momentLiteral, refuseMoment } from './moment-text.ts';
import { castNumber } from './mysql-casts.ts';
import { isBoundText, typeBeside } from './parameter-values.ts';
import {
  bitsAsNumber,
  dialectText,
  isDecimal,
  isFloating,
  isInteger,
  isNumber,
  isTemporal,
  isText,
  jsonText,
  readJsonAs,
  shown,
  shownType,
  type Typed,
  textOf,
  timeType,
  typed,
} from './types.ts';

export function bindLiteral({ fields, context }: BindSite): Typed {
  const kind = fields.text('literal_type') ?? '';
  const value = fields.text('value') ?? '';
  switch (kind) {
    case 'number':
      return numberLiteral(value, fields);
    case 'string':
    case 'national_string':
      return typed(literal('string', value), 'literal');
    case 'dollar_string':
      return typed(literal('string', value.slice(value.indexOf('\0') + 1)), 'literal');
    case 'escape_string':
      if (context.dialect === 'mysql') throw fields.refuse("E'…' is not a text in MySQL");
      return typed(literal('string', readEscapes(value.replace(/^[eE]:/, ''))), 'literal');
    case 'date':
    case 'timestamp':
      return writtenMoment(kind, value, { fields, context });
    case 'time':
      return typed(literal('time', value), 'time');
    case 'hex_string':
    case 'bit_string':
      if (context.dialect === 'mysql') return bytesLiteral(value, kind === 'hex_string' ? 16 : 2, fields);
      throw fields.refuse(`${kind.replaceAll('_', ' ')} literals are not supported`);
    default:
      throw fields.refuse(`${kind.replaceAll('_', ' ')} literals are not supported`);
  }
}

const literalBitsMax = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * MySQL's `0x4D` and `b'101'`: the text of these bytes, and in arithmetic the number of these bits. Bytes that are no text
 * are a number here, which is all that they can be.
 */
function bytesLiteral(digits: string, radix: 16 | 2, fields: Fields): Typed {
  const form = radix === 16 ? /^[0-9a-fA-F]+$/ : /^[01]+$/;
  if (!form.test(digits)) throw fields.refuse(`${digits.slice(0, 50)} is no literal of base ${radix}`);
  const hexadecimal = radix === 16 ? digits : BigInt(`0b${digits}`).toString(16);
  const bytes = Buffer.from(hexadecimal.length % 2 === 0 ? hexadecimal : `0${hexadecimal}`, 'hex');
  const isNumber = hexadecimal.replace(/^0+/, '').length * 4 <= literalBitsMax;
  const bits = isNumber ? { bits: BigInt(`0x${hexadecimal}`).toString() } : {};
  try {
    const content = utf8.decode(bytes);
    if (!content.includes('\0')) return { ...typed(literal('string', content), 'literal'), ...bits };
  } catch {
    // No text: left to be a number.
  }
  if (!isNumber) throw fields.refuse('bytes that are no text are not supported beyond 64 bits', { expected: 'UTF-8' });
  return bitsAsNumber({ ...typed(literal('string', null), 'null'), ...bits });
}

/** Digits are kept: integers beyond 2^53 and decimals as text. */
function numberLiteral(value: string, fields: Fields): Typed {
  const digits = value.replaceAll('_', '');
  if (/^\d{1,15}$/.test(digits)) return typed(integer(Number(digits)), 'bigint');
  if (/^\d{16,18}$/.test(digits)) return typed(literal('bigint', digits), 'bigint');
  if (/^\d{19,38}$/.test(digits)) return typed(literal('hugeint', digits), 'hugeint');
  const [, whole = '', fraction = ''] = /^(\d*)\.(\d*)$/.exec(digits) ?? [];
  const width = whole.length + fraction.length;
  if (width > 0 && width <= 38)
    return typed(
      literal(
        `decimal(${Math.max(width, 1)},${fraction.length})`,
        `${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`,
      ),
      `decimal(${width},${fraction.length})`,
    );
  const number = Number(digits);
  if (!Number.isFinite(number)) throw fields.refuse(`the number ${value.slice(0, 50)} is too large`);
  return typed(literal('double', number), 'double');
}

/** `DATE '…'` takes the day of a time as it is written there, whatever its offset. */
function writtenMoment(
  kind: 'date' | 'timestamp',
  text: string,
  { fields, context }: Pick<BindSite, 'fields' | 'context'>,
): Typed {
  const moment = momentLiteral(text, kind);
  if (!moment) throw refuseMoment(text, kind, context.refuserOf(fields));
  if (kind === 'date') return typed(literal('date', text.trim().slice(0, dayCharacters)), 'date');
  return typed(moment, timeType(context.dialect));
}

const dayCharacters = 10;

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** PostgreSQL's E'…'. */
function readEscapes(value: string): string {
  return value.replaceAll(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)/gs, (_, code: string) => {
    if (/^[ux][0-9a-fA-F]/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]+$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return escapes[code] ?? code;
  });
}

export function bindParameter({ fields, context }: BindSite): Typed {
  const { key, position } = readParameter(fields, context);
  return context.parameters.bind(key, position);
}

/** The values of a parameter that is a list; undefined for every other node, which is as unread as before. */
export function bindListParameter(node: SyntaxNode, context: BindContext): readonly Typed[] | undefined {
  if (kindOf(node) !== 'parameter') return undefined;
  const fields = context.fields(node);
  const { key, position } = readParameter(fields, context);
  const values = context.parameters.bindList(key, position);
  if (values) fields.finish();
  return values;
}

function readParameter(fields: Fields, context: BindContext) {
  const style = fields.text('style');
  const index = fields.value('index');
  const name = fields.text('name');
  const position = name === undefined ? undefined : context.position(fields.node);
  if (style === 'Dollar' && typeof index === 'number' && name === undefined) return { key: index - 1, position };
  if (style === 'Colon' && name !== undefined && index === undefined) return { key: name, position };
  throw fields.refuse('variables are not supported; use ?, $1 or :name', { expected: '?, $1 or :name' });
}

export function bindInterval({ fields, scope, context }: BindSite): Typed {
  const value = fields.required('this');
  const unit = fields.optional('unit');
  if (!unit) return intervalText(value, fields, context);
  const parts = Fields.of(unit, 'unit', context.text);
  const name = String(parts.value('unit') ?? '').toLowerCase();
  if (parts.text('type') !== 'simple' || !isUnit(name))
    throw fields.refuse('this unit of INTERVAL is not supported', { expected: intervalUnits });
  parts.finish();
  const count = context.parameters.read(context.bind(value, scope), 'bigint');
  requireAmount(count, { fields, scope, context });
  return typed({ kind: 'interval', value: amount(count), unit: name }, 'interval');
}

/** MySQL would read the number that a text begins with. */
function requireAmount(count: Typed, { fields, context }: BindSite): void {
  if (isTemporal(count.type) || count.type === 'time' || count.type === 'interval')
    throw fields.refuse(`an interval of a value of type ${shownType(count.type)}; it takes a number`, {
      expected: 'a number',
      actual: shownType(count.type),
    });
  if (context.dialect !== 'mysql' || count.node.kind === 'parameter') return;
  if (count.type === 'string')
    throw fields.refuse('an interval of a text; cast it to a number', { expected: 'a number', actual: 'string' });
  if (count.type === 'literal' && count.node.kind === 'literal' && !isNumberText(String(count.node.value)))
    throw refuseText(count, fields, context, 'a number');
}

function isUnit(name: string): name is IntervalUnit {
  return (intervalUnits as readonly string[]).includes(name);
}

function amount(value: Typed): PlanExpression {
  if (value.node.kind === 'literal' && /^-?\d{1,15}$/.test(String(value.node.value)))
    return integer(Number(value.node.value));
  if (value.type === 'literal' && value.node.kind === 'literal') return cast(value.node, 'double');
  return readJsonAs(value, 'double').node;
}

const shortUnits: Readonly<Record<string, IntervalUnit>> = {
  mon: 'month',
  mons: 'month',
  min: 'minute',
  mins: 'minute',
  sec: 'second',
  secs: 'second',
  hr: 'hour',
  hrs: 'hour',
  y: 'year',
  d: 'day',
  h: 'hour',
  m: 'minute',
  s: 'second',
  ms: 'millisecond',
  us: 'microsecond',
};
const pieceForm = /\s*([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*,?/y;
const pieceMax = 12;

/** `INTERVAL '1 day 2 hours'` and `'01:30:00'`. */
function intervalText(value: SyntaxNode, fields: Fields, context: BindContext): Typed {
  const literalFields = context.fields(value);
  const content = kindOf(value) === 'literal' ? (literalFields.text('value') ?? '').trim() : '';
  const clock = /^(\d{1,4}):(\d{2})(?::(\d{2}))?$/.exec(content);
  const pieces: PlanExpression[] = [];
  if (clock)
    for (const [index, unit] of (['hour', 'minute', 'second'] as const).entries())
      pieces.push({ kind: 'interval', value: integer(Number(clock[index + 1] ?? 0)), unit });
  pieceForm.lastIndex = 0;
  while (!clock && pieceForm.lastIndex < content.length && pieces.length < pieceMax) {
    const found = pieceForm.exec(content);
    const unit = found ? unitNamed(found[2] ?? '') : undefined;
    if (!found || !unit) break;
    const number = Number(found[1]);
    pieces.push({
      kind: 'interval',
      value: Number.isInteger(number) ? integer(number) : literal('double', number),
      unit,
    });
  }
  const [first] = pieces;
  if (!first || (!clock && pieceForm.lastIndex < content.length))
    throw fields.refuse(`${content.slice(0, 50)} is not an interval`, { expected: "INTERVAL '1 day'" });
  return typed(pieces.length === 1 ? first : arithmetic('add', ...pieces), 'interval');
}

function unitNamed(word: string): IntervalUnit | undefined {
  const lower = word.toLowerCase();
  const singular = lower.replace(/s$/, '');
  return isUnit(lower) ? lower : isUnit(singular) ? singular : shortUnits[lower];
}

/** A cast whose target length cuts the text, as `CHAR(3)` does in MySQL and `varchar(3)` in PostgreSQL. */
export function bindCast({ fields, scope, context }: BindSite, isTry: boolean): Typed {
  const value = context.bind(fields.required('this'), scope);
  const to = fields.required('to');
  if (context.dialect === 'mysql' && isBinary(to, context)) return asBytes(value);
  const target = castTarget(to, fields, context);
  const moment = momentCast(value, target.type, { fields, context, isTry });
  if (moment) return moment;
  const type = isTry ? undefined : typeBeside([target.type]);
  if (context.dialect === 'mysql' && isNumber(target.type) && !isTry && !isBoundText(value) && value.bits === undefined)
    return castNumber(value, target.type, { fields, scope, context });
  const isMoment = isTemporal(target.type) || target.type === 'time';
  if (context.dialect === 'mysql' && isMoment && (isNumber(value.type) || value.type === 'boolean'))
    throw fields.refuse(`a number as a ${target.type} means digits like 20240131 in MySQL; use STR_TO_DATE`, {
      expected: 'STR_TO_DATE',
      actual: value.type,
    });
  if (context.dialect === 'postgresql' && !isTry) requireNumberText(value, target.type, { fields, scope, context });
  return castTo(type === undefined ? value : context.parameters.read(value, type), target, { isTry, context });
}

/** A text of the statement that is cast to a date or a time. */
function momentCast(
  value: Typed,
  target: string,
  { fields, context, isTry }: { readonly fields: Fields; readonly context: BindContext; readonly isTry: boolean },
): Typed | undefined {
  const kind = target === 'timestamptz' ? 'timestamp' : target;
  if (!isMomentType(kind) || value.type !== 'literal' || value.node.kind !== 'literal') return undefined;
  if (isUnbounded(value, context)) return undefined;
  const text = String(value.node.value);
  if (momentLiteral(text, kind)) return asTime(writtenMoment(kind, text, { fields, context }), target, context.dialect);
  if (isTry) return asTime(typed(literal(kind, null), kind), target, context.dialect);
  throw refuseText(value, fields, context, momentForms[kind]);
}

/** PostgreSQL refuses a text that is none when it reads the statement. */
function requireNumberText(value: Typed, type: string, { fields, context }: BindSite): void {
  if (value.type !== 'literal' || value.node.kind !== 'literal' || !isNumber(type)) return;
  if (isPostgresqlNumber(String(value.node.value), isInteger(type))) return;
  throw refuseText(value, fields, context, isInteger(type) ? 'a whole number' : 'a number');
}

/** What a cast to a time is: every time is one of UTC to the engine, whatever the statement calls it. */
function asTime(value: Typed, target: string, dialect: Dialect): Typed {
  if (target === 'timestamptz') return typed(value.node, target);
  return target === 'timestamp' ? typed(value.node, timeType(dialect)) : value;
}

type Casting = { readonly isTry: boolean; readonly context: BindContext };

function castTo(written: Typed, target: CastTarget, { isTry, context }: Casting): Typed {
  const { dialect } = context;
  const given = target.type === 'string' ? shown(written) : written;
  const value = given.bits !== undefined && isNumber(target.type) ? bitsAsNumber(given) : given;
  const subject =
    value.type === 'json' && target.type !== 'json' && !target.type.endsWith('[]') ? jsonText(value) : value.node;
  if (target.length !== undefined)
    return typed(call('left', dialectText(value, dialect), integer(target.length)), 'string');
  if (target.type === 'string' && value.type === 'json') return typed(subject, 'string');
  if (target.type === 'string' && (value.type === 'boolean' || isFloating(value.type)))
    return typed(dialectText(value, dialect), 'string');
  if (target.isNumeric === true) return exactNumber(value, subject);
  const word =
    value.type === 'literal' && value.node.kind === 'literal' ? String(value.node.value).trim().toLowerCase() : '';
  if (dialect === 'postgresql' && target.type === 'boolean' && (word === 'on' || word === 'off'))
    return typed(literal('boolean', word === 'on'), 'boolean');
  if (dialect === 'postgresql' && isInteger(target.type) && value.type === 'string' && !isTry)
    return typed(cast(wholeText(subject), target.type), target.type);
  const moment =
    dialect === 'mysql' && target.type === 'time' && value.type === 'date' ? cast(subject, 'timestamp') : subject;
  const as = (node: PlanExpression, type: string): PlanExpression => ({
    kind: 'cast',
    value: node,
    type,
    ...(isTry ? { try: true } : {}),
  });
  if (target.type !== 'timestamp' && target.type !== 'timestamptz')
    return typed(
      as(value.type === 'timestamptz' && target.type === 'string' ? textOf(value) : moment, target.type),
      target.type,
    );
  // The engine's own conversion of a text drops its offset.
  const isRead = isText(value.type) || value.type === 'json';
  const time = isTime(value.type) ? moment : as(isRead ? as(moment, 'timestamptz') : moment, 'timestamp');
  return asTime(typed(time, 'timestamp'), target.type, dialect);
}

function isTime(type: string): boolean {
  return isTemporal(type) && type !== 'date';
}

/** PostgreSQL takes whole numbers alone for an integer, where the engine rounds what it is given. */
function wholeText(value: PlanExpression): PlanExpression {
  const isWhole = call('regexp_full_match', value, text('\\s*[+-]?\\d+\\s*'));
  return choose(not(isWhole), call('error', text(planErrors.notWhole)), value);
}

/** Digits behind the point of a text or a document's number that is cast to NUMERIC. */
const numericTextType = 'decimal(38,10)';
const integerDigits: Readonly<Record<string, number>> = {
  tinyint: 3,
  smallint: 5,
  integer: 10,
  bigint: 19,
  ubigint: 20,
};

/** NUMERIC without digits takes any number: exact ones stay what they are, doubles stay doubles. */
function exactNumber(value: Typed, subject: PlanExpression): Typed {
  if (isDecimal(value.type)) return value;
  if (isInteger(value.type)) {
    const type = `decimal(${integerDigits[value.type] ?? 38},0)`;
    return typed(cast(subject, type), type);
  }
  if (value.type === 'literal' && value.node.kind === 'literal') {
    const [, sign = '', whole = '', fraction = ''] =
      /^\s*([+-]?)(\d*)\.?(\d*)\s*$/.exec(String(value.node.value)) ?? [];
    const width = whole.length + fraction.length;
    const type = `decimal(${width},${fraction.length})`;
    if (width > 0 && width <= 38)
      return typed(
        literal(type, `${sign === '-' ? '-' : ''}${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`),
        type,
      );
  }
  const type = isText(value.type) || value.type === 'json' ? numericTextType : 'double';
  return typed(cast(subject, type), type);
}

type CastTarget = {
  readonly type: string;
  readonly length?: number | undefined;
  /** NUMERIC of PostgreSQL without digits. */
  readonly isNumeric?: boolean;
};

const plainTargets: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  tiny_int: 'tinyint',
  small_int: 'smallint',
  int: 'integer',
  integer: 'integer',
  big_int: 'bigint',
  int128: 'hugeint',
  double: 'double',
  text: 'string',
  string: 'string',
  date: 'date',
  time: 'time',
  json: 'json',
  json_b: 'json',
  uuid: 'uuid',
  interval: 'interval',
  medium_int: 'integer',
  u_big_int: 'ubigint',
};
const customTargets: Readonly<Record<string, string>> = {
  SIGNED: 'bigint',
  UNSIGNED: 'ubigint',
  DATETIME: 'timestamp',
  INT2: 'smallint',
  INT4: 'integer',
  INT8: 'bigint',
  FLOAT4: 'float',
  FLOAT8: 'double',
  HUGEINT: 'hugeint',
  UBIGINT: 'ubigint',
  JSONB: 'json',
  BOOL: 'boolean',
  STRING: 'string',
  LONG: 'bigint',
  NCHAR: 'string',
  INTEGER: 'integer',
  SHORT: 'smallint',
};

/** `BINARY x` and `CAST(x AS BINARY)`; with a length it cuts bytes off, which is refused as a type. */
function isBinary(to: SyntaxNode, context: BindContext): boolean {
  const parts = Fields.of(to, 'type', context.text);
  return parts.text('data_type') === 'binary' && parts.value('length') === undefined;
}

function castTarget(to: SyntaxNode, fields: Fields, context: BindContext): CastTarget {
  const parts = Fields.of(to, 'type', context.text);
  const name = parts.text('data_type') ?? '';
  const custom = name === 'custom' ? readCustom(parts) : undefined;
  const target = custom ? customTargets[custom.name] : targetType(name, parts, context);
  const size = custom ? custom.size : readSize(name, parts);
  parts.finish();
  if (!target) throw fields.refuse(`type ${custom?.name ?? name.replaceAll('_', ' ')} is not supported`, { name });
  // DuckDB keeps no length of a text.
  if (target === 'string') return { type: target, length: context.dialect === 'duckdb' ? undefined : size };
  // Moments have six digits of a second in every dialect here.
  const isWhole = target === 'timestamp' || target === 'timestamptz' || target === 'time';
  if (size !== undefined && !(isWhole && size === 6))
    throw fields.refuse(`a size of type ${target} is not supported, found ${size}`, {
      ...(isWhole ? { expected: 6 } : {}),
      actual: size,
    });
  const isNumeric = name === 'decimal' && context.dialect === 'postgresql' && parts.value('precision') === undefined;
  return { type: target, ...(isNumeric ? { isNumeric } : {}) };
}

/** A type that the parser has no word for: `SIGNED`, `DATETIME(3)`. */
function readCustom(parts: Fields): { readonly name: string; readonly size: number | undefined } {
  const written = parts.text('name') ?? '';
  const [, name = written, size] = /^(.*?)\s*(?:\((\d{1,9})\))?$/s.exec(written) ?? [];
  return { name: name.toUpperCase(), size: size === undefined ? undefined : Number(size) };
}

const sizedByPrecision = new Set(['timestamp', 'time']);

function readSize(name: string, parts: Fields): number | undefined {
  const size = parts.value(sizedByPrecision.has(name) ? 'precision' : 'length');
  if (size === undefined || typeof size === 'number') return size;
  throw parts.refuse('a size of a type is a whole number', { actual: typeof size });
}

function targetType(name: string, parts: Fields, context: BindContext): string | undefined {
  switch (name) {
    case 'char':
    case 'var_char':
      return 'string';
    case 'decimal':
      return decimalTarget(parts, context);
    case 'float':
      return parts.flag('real_spelling') || context.dialect !== 'mysql' ? 'float' : 'double';
    case 'timestamp':
      return parts.flag('timezone') ? 'timestamptz' : 'timestamp';
    case 'array': {
      const element = parts.value('element_type');
      return isNode(element) ? `${castTarget(element, parts, context).type}[]` : undefined;
    }
    default:
      return plainTargets[name];
  }
}

/** Without digits: MySQL (10,0), DuckDB (18,3); PostgreSQL's numeric has no bound, so it becomes a double. */
function decimalTarget(parts: Fields, context: BindContext): string | undefined {
  const precision = parts.value('precision');
  const scale = parts.value('scale') ?? 0;
  if (precision === undefined)
    return { mysql: 'decimal(10,0)', duckdb: 'decimal(18,3)', postgresql: 'double' }[context.dialect];
  const fits = Number(precision) >= 1 && Number(precision) <= 38 && Number(scale) <= Number(precision);
  return fits ? `decimal(${Number(precision)},${Number(scale)})` : undefined;
}
