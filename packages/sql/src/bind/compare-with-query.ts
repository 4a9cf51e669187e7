import type { ComparisonOperator, PlanExpression, PlanQuery } from '@hybridstore/contracts';
import {
  call,
  cast,
  choose,
  column,
  type DocumentNumber,
  documentNumber,
  isNull,
  literal,
  text,
  tryCast,
} from '@hybridstore/plan';
import type { BindSite } from './bind-site.ts';
import type { BoundQuery } from './bound-query.ts';
import { meetTyped } from './comparisons.ts';
import { exactNumbersOf } from './document-numbers.ts';
import { isDecimal, jsonText, type Typed, typed, unify } from './types.ts';
import { requireAlike } from './unlike-types.ts';

/**
 * Values and the rows of a query that they are compared with, both read as `=` reads its two sides. The engine looks for
 * one value among many and converts none of them, so what is read in another way is written as a column of its own:
 *
 *     ts IN (SELECT note FROM t)    ts IN (SELECT TRY_CAST(note AS TIMESTAMP) FROM (SELECT note FROM t))
 *     doc.id IN (SELECT id FROM t)  the double and the digits of both, as one value
 */
export function meetQuery(
  values: readonly Typed[],
  { query, outputs }: BoundQuery,
  operator: ComparisonOperator,
  { fields, context }: BindSite,
): { readonly values: readonly PlanExpression[]; readonly query: PlanQuery } {
  const alias = context.uniqueName('compared');
  const columns = values.map((_, index) => `value_${index}`);
  const pairs = values.map((value, index) => {
    const type = outputs[index]?.type ?? 'unknown';
    // A text of the statement takes the type of what it meets; one that a query gives is a text.
    const row = typed(column(alias, columns[index] ?? ''), type === 'literal' ? 'string' : type);
    requireAlike([value.type, row.type], { fields, dialect: context.dialect, meeting: 'comparedWithQuery' });
    const [left = value, right = row] = meetTyped([{ ...value, shownScale: undefined }, row], fields, context);
    return { row, ...readPair(left, right, operator) };
  });
  const met = pairs.map(({ left }) => left);
  if (pairs.every(({ row, right }) => row.node === right)) return { values: met, query };
  const projections = pairs.map(({ right }, index) => ({ name: columns[index] ?? '', value: right }));
  const from = { kind: 'derived', query, alias, columns } as const;
  return { values: met, query: { kind: 'query', body: { kind: 'select', projections, from } } };
}

type Sides = { readonly left: PlanExpression; readonly right: PlanExpression };

function readPair(left: Typed, right: Typed, operator: ComparisonOperator): Sides {
  const isEquality = operator === 'eq' || operator === 'ne';
  if (left.type === 'json' && right.type === 'json')
    return isEquality ? { left: documentKey(left), right: documentKey(right) } : { left: left.node, right: right.node };
  const numbers = exactNumbersOf(left, right);
  if (numbers) {
    const type = [left.type, right.type].find(isDecimal);
    return { left: numberKey(numbers[0], type), right: numberKey(numbers[1], type) };
  }
  const [first = left, second = right] = unify([left, right]).values;
  return { left: first.node, right: second.node };
}

/**
 * Two numbers are in the order of their doubles and, where these are one, of their digits. Unknown where there is no number.
 * No part of it is NULL beside one that is not: the engine's ALL would take such rows for smaller ones.
 */
function numberKey(number: DocumentNumber, type?: string): PlanExpression {
  return choose(isNull(number.near, true), { kind: 'row', items: [number.near, digitsOf(number, type)] });
}

/** Equal for numbers of one value and for equal texts of others, as documents are compared. */
function documentKey(value: Typed): PlanExpression {
  const asText = jsonText(value);
  const number = documentNumber(asText);
  const other = choose(isNull(number.near), { kind: 'concat', operands: [text('='), asText] }, text(''));
  const near = call('coalesce', number.near, literal('double', 0));
  return choose(isNull(asText, true), { kind: 'row', items: [near, digitsOf(number), other] });
}

/** None, where there are more than the engine counts: the double decides. */
function digitsOf({ near, exact }: DocumentNumber, type = 'decimal(38,0)'): PlanExpression {
  return call('coalesce', exact, tryCast(near, type), cast(literal('bigint', 0), type));
}
