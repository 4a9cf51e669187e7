import type { Dialect } from '@hybridstore/contracts';
import type { BindContext } from '../bind/context.ts';
import { isNumberText, refuseText } from '../bind/literal-texts.ts';
import { isUnboundedText, momentForms, momentLiteral } from '../bind/moment-text.ts';
import { isBoundText } from '../bind/parameter-values.ts';
import { isInteger, isNumber, isTemporal, isText, type Typed } from '../bind/types.ts';
import type { ArgumentKind } from '../syntax/function-signatures.ts';
import type { Fields } from '../syntax/syntax-tree.ts';

export type ArgumentPlace = {
  readonly name: string;
  /** From 0. */
  readonly index: number;
  readonly fields: Fields;
  readonly context: BindContext;
  readonly refuse: (message: string, details?: Readonly<Record<string, unknown>>) => Error;
};

const expectations: Partial<Readonly<Record<ArgumentKind, string>>> = {
  text: 'a text',
  number: 'a number',
  whole: 'a number',
  moment: 'a date or a time',
  json: 'a JSON value',
};

/**
 * Refuses a value that is of another type than its place wants, where the type is known and the dialect does not convert:
 * MySQL makes a text of everything; nobody makes a date of a number here. A bare text takes the type of its place.
 */
export function requireKind(kind: ArgumentKind, value: Typed, place: ArgumentPlace): void {
  const expected = expectations[kind];
  if (expected === undefined || isFitting(kind, value, place.context)) return;
  if ((expected === expectations.number || expected === expectations.moment) && value.type === 'literal')
    throw refuseText(value, place.fields, place.context, kind === 'moment' ? momentForms.timestamp : expected);
  throw place.refuse(
    `function ${place.name} takes ${expected} as argument ${place.index + 1}, found ${describe(value)}`,
    { expected, actual: describe(value), argument: place.index + 1 },
  );
}

/** A text that is a time, or one of those without a number that the engine knows; MySQL's are judged by its leniency. */
function isMomentText(value: Typed, dialect: Dialect): boolean {
  if (dialect === 'mysql' || value.node.kind !== 'literal') return true;
  const content = String(value.node.value).trim();
  return momentLiteral(content, 'timestamp') !== undefined || isUnboundedText(content);
}

function describe({ type }: Typed): string {
  return type === 'literal' ? 'string' : type;
}

const open = new Set(['null', 'unknown', 'json']);

function isFitting(kind: ArgumentKind, value: Typed, { dialect, options }: BindContext): boolean {
  if (open.has(value.type) || isBoundText(value)) return true;
  switch (kind) {
    case 'text':
      return dialect === 'mysql' || !(isNumber(value.type) || isTemporal(value.type) || value.type === 'boolean');
    case 'number':
    case 'whole':
      if (value.type === 'literal') return value.node.kind === 'literal' && isNumberText(String(value.node.value));
      if (value.type === 'boolean') return dialect === 'mysql';
      if (kind === 'whole' && dialect === 'postgresql') return isInteger(value.type);
      return isNumber(value.type) || (value.type === 'string' && !options.isStrict);
    case 'moment':
      if (value.type === 'literal') return isMomentText(value, dialect);
      return isText(value.type) || isTemporal(value.type) || value.type === 'time' || value.type === 'interval';
    case 'json':
      return isText(value.type) || value.type.endsWith('[]') || value.type === 'list' || value.type === 'struct';
    default:
      return true;
  }
}
