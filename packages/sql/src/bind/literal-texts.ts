import { literal } from '@hybridstore/plan';
import type { Fields } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import { isUnboundedText, momentLiteral } from './moment-text.ts';
import { isInteger, isNumber, isTemporal, type Typed, typed } from './types.ts';

const numberForm = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?$/i;
const wholeForm = /^[+-]?\d{1,15}$/;
const shownCharactersMax = 50;

/**
 * Texts that the statement itself holds, beside values of another type: `id = '3'` compares a number, `day > 'today'` is a
 * fault that can be seen before any row is. MySQL would read the number that a text begins with and warn; what is no value
 * of the other type is refused here with its place, since whoever reads the statement can mend it. DuckDB's dialect is left to the engine.
 */
export function readLiteralTexts(values: readonly Typed[], fields: Fields, context: BindContext): readonly Typed[] {
  if (context.dialect === 'duckdb') return values;
  const kinds = values.map(({ type }) => type).filter((type) => type !== 'literal' && type !== 'null');
  // Beside a number MySQL's conditions are 1 and 0.
  const isAmongNumbers = context.dialect === 'mysql' && kinds.some(isNumber);
  const others = isAmongNumbers ? kinds.filter((type) => type !== 'boolean') : kinds;
  if (others.length === 0) return values;
  const read = readerBeside(others);
  return read ? values.map((value) => (isWritten(value) ? read(value, { fields, context, others }) : value)) : values;
}

type Place = { readonly fields: Fields; readonly context: BindContext; readonly others: readonly string[] };
type Reader = (value: Typed, place: Place) => Typed;

function readerBeside(types: readonly string[]): Reader | undefined {
  if (types.every(isNumber)) return readNumber;
  if (types.every(isTemporal)) return readMoment;
  return types.every((type) => type === 'boolean') ? readBoolean : undefined;
}

/** A text of the statement, not one that is bound, and no bits. */
function isWritten({ node, type, bits }: Typed): boolean {
  return type === 'literal' && node.kind === 'literal' && bits === undefined;
}

function contentOf({ node }: Typed): string {
  return node.kind === 'literal' ? String(node.value).trim() : '';
}

function readNumber(value: Typed, { fields, context, others }: Place): Typed {
  const content = contentOf(value);
  if (context.dialect === 'postgresql' && notANumber.test(content)) return value;
  const mustBeWhole = context.dialect === 'postgresql' && others.every(isInteger);
  if (mustBeWhole ? !isPostgresqlNumber(content, true) : !isNumberText(content))
    throw refuseText(value, fields, context, mustBeWhole ? 'a whole number' : 'a number');
  return writtenNumber(content);
}

/** A whole number where it is one; else a double, as MySQL compares. */
function writtenNumber(content: string): Typed {
  if (wholeForm.test(content)) return typed(literal('bigint', Number(content)), 'bigint');
  return typed(literal('double', Number(content)), 'double');
}

function readMoment(value: Typed, { fields, context, others }: Place): Typed {
  if (isUnbounded(value, context)) return value;
  const moment = momentLiteral(contentOf(value), others.every((type) => type === 'date') ? 'date' : 'timestamp');
  if (!moment) throw refuseText(value, fields, context, 'a date, YYYY-MM-DD or YYYY-MM-DD HH:MM:SS');
  return typed(moment, moment.type);
}

/** PostgreSQL's moments without a number, which the engine knows. */
export function isUnbounded(value: Typed, context: BindContext): boolean {
  return context.dialect === 'postgresql' && isUnboundedText(contentOf(value));
}

const truths = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const untruths = new Set(['false', 'f', 'no', 'n', 'off', '0']);

/** MySQL's conditions are the numbers 1 and 0. */
function readBoolean(value: Typed, { fields, context }: Place): Typed {
  const content = contentOf(value).toLowerCase();
  const isKnown = context.dialect === 'mysql' ? /^[01]$/.test(content) : truths.has(content) || untruths.has(content);
  if (!isKnown)
    throw refuseText(value, fields, context, context.dialect === 'mysql' ? 'TRUE, FALSE, 0 or 1' : 'true or false');
  return typed(literal('boolean', truths.has(content)), 'boolean');
}

/** PostgreSQL's numbers that are none. */
const notANumber = /^[+-]?(nan|inf(inity)?)$/i;

/** A whole number, or any that PostgreSQL reads. */
export function isPostgresqlNumber(content: string, isWhole: boolean): boolean {
  const trimmed = content.trim();
  return isWhole ? /^[+-]?\d+$/.test(trimmed) : isNumberText(trimmed) || notANumber.test(trimmed);
}

export function isNumberText(content: string): boolean {
  return numberForm.test(content.trim());
}

export function refuseText(value: Typed, fields: Fields, context: BindContext, expected: string): Error {
  const content = value.node.kind === 'literal' ? String(value.node.value) : '';
  const shown = content.slice(0, shownCharactersMax);
  const position = context.text.positionOfText(content) ?? context.position(fields.node);
  return context.refuseAt(position, `'${shown}' is not ${expected}`, { expected, actual: shown });
}
