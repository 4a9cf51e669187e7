import { cast } from '@hybridstore/plan';
import type { Fields } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { requireComparable } from './comparisons.ts';
import type { BindContext } from './context.ts';
import { readLiteralTexts } from './literal-texts.ts';
import { isBoundText } from './parameter-values.ts';
import { dialectText, isNumber, isTemporal, isText, type Typed, typed } from './types.ts';
import { requireAlike } from './unlike-types.ts';

/** Values of which one is the result: MySQL makes texts of all where one is a text and another is none. */
export function mixTyped(values: readonly Typed[], fields: Fields, context: BindContext): readonly Typed[] {
  const { dialect } = context;
  const types = values.map(({ type }) => type);
  requireAlike(types, { fields, dialect, meeting: 'oneResult' });
  if (dialect === 'postgresql') return context.meet(readLiteralTexts(values, fields, context), fields);
  if (dialect !== 'mysql') return context.meet(values, fields);
  if (!isMixed(values)) return conditionsAsNumbers(context.meet(values, fields));
  return values.map((value) => (value.type === 'null' ? value : typed(dialectText(value, dialect), 'string')));
}

/** Where a number is among them: MySQL's conditions are 1 and 0. */
export function conditionsAsNumbers(values: readonly Typed[]): readonly Typed[] {
  if (!values.some(({ type }) => isNumber(type))) return values;
  return values.map((value) => (value.type === 'boolean' ? typed(cast(value.node, 'integer'), 'integer') : value));
}

function isMixed(values: readonly Typed[]): boolean {
  if (values.some(({ type }) => isNumber(type) || type === 'boolean'))
    return values.some((value) => isText(value.type) && !isBoundText(value));
  return values.some(({ type }) => type === 'string') && values.some(({ type }) => isTemporal(type));
}

/** Values that are compared and stay as they are: a text of the statement among them is one of what it meets, or refused. */
export function requireReadable(values: readonly Typed[], { fields, context }: BindSite): void {
  requireComparable(values, fields, context);
  readLiteralTexts(values, fields, context);
}

/** Of values that are compared, one is the result. */
export function requireExtreme(values: readonly Typed[], site: BindSite): void {
  const { fields, context } = site;
  requireReadable(values, site);
  const types = values.map(({ type }) => type);
  requireAlike(types, { fields, dialect: context.dialect, meeting: 'oneResult' });
  if (types.includes('string') && types.some(isTemporal))
    throw fields.refuse('a date is compared with a text; cast one of them', { expected: 'two values of one type' });
}
