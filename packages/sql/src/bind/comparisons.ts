import type { ComparisonOperator, PlanExpression } from '@hybridstore/contracts';
import { compare, compareNumbers, logic, not, trueLiteral, tryCast } from '@hybridstore/plan';
import { type Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BindSite, bindField, requireParentheses } from './bind-site.ts';
import type { BindContext } from './context.ts';
import { compareDocuments, exactNumbersOf } from './document-numbers.ts';
import { readLiteralTexts } from './literal-texts.ts';
import { moment } from './moment-text.ts';
import { leadingNumber } from './mysql-casts.ts';
import { isNumber, isTemporal, type Typed, typed, unify } from './types.ts';
import { requireAlike } from './unlike-types.ts';

/**
 * `=`, `<`, `IS DISTINCT FROM` and their kin. What the two sides are read as depends on both:
 *
 *     doc.year > 1990       JSON beside a number: TRY_CAST(text of doc.year AS DOUBLE) > 1990
 *     doc.id = id           JSON beside an exact number: digit by digit where their doubles are one
 *     doc.title = 'Up'      JSON beside a text: its text
 *     doc.a = doc.b         JSON beside JSON: as numbers where both are, else as texts
 *     day < ?               a bound text beside a date: read as a date
 *     name = 0              a text beside a number: refused, but in DuckDB
 */
export function bindComparison(site: BindSite, operator: ComparisonOperator): Typed {
  const { fields, scope, context } = site;
  const nodes = [fields.required('left'), fields.required('right')] as const;
  const rows = nodes.map((node) => rowItems(node, site));
  if (rows[0] && rows[1]) return compareRows(rows[0], rows[1], operator, site);
  return compareTyped(structsOf(nodes, site) ?? nodes.map((node) => context.bind(node, scope)), operator, site);
}

/**
 * The values of `(a, b)`. MySQL and PostgreSQL compare rows value by value, so that a NULL leaves the answer open; DuckDB
 * compares them as structs, in which NULL is a value that equals itself.
 */
export function rowItems(node: SyntaxNode, { scope, context }: BindSite): readonly Typed[] | undefined {
  if (kindOf(node) !== 'tuple' || context.dialect === 'duckdb') return undefined;
  return context.items(node).map((item) => context.bind(item, scope));
}

/** DuckDB's rows, whose texts are read as what stands in the same place of the others; undefined where not all are rows. */
export function structsOf(
  nodes: readonly SyntaxNode[],
  { fields, scope, context }: BindSite,
): readonly Typed[] | undefined {
  if (nodes.some((node) => kindOf(node) !== 'tuple')) return undefined;
  const rows = nodes.map((node) => context.items(node).map((item) => context.bind(item, scope)));
  const width = rows[0]?.length ?? 0;
  if (width === 0 || rows.some((row) => row.length !== width)) return undefined;
  const columns = Array.from({ length: width }, (_, place) =>
    context.meet(
      rows.map((row) => row[place]).filter((value) => value !== undefined),
      fields,
    ),
  );
  return rows.map((row, index) =>
    typed({ kind: 'row', items: row.map((value, place) => columns[place]?.[index]?.node ?? value.node) }, 'struct'),
  );
}

export function compareRows(
  left: readonly Typed[],
  right: readonly Typed[],
  operator: ComparisonOperator,
  site: BindSite,
): Typed {
  if (left.length !== right.length)
    throw site.fields.refuse(`a row of ${left.length} is compared with a row of ${right.length} values`, {
      expected: left.length,
      actual: right.length,
    });
  const each = (index: number, by: ComparisonOperator) =>
    compareTyped(
      [left[index], right[index]].filter((side) => side !== undefined),
      by,
      site,
    ).node;
  const all = (by: ComparisonOperator) => left.map((_, index) => each(index, by));
  switch (operator) {
    case 'eq':
    case 'is_not_distinct':
      return typed(logic('and', all(operator)), 'boolean');
    case 'ne':
    case 'is_distinct':
      return typed(logic('or', all(operator)), 'boolean');
    default:
      return typed(compareInOrder(left.length, operator, each), 'boolean');
  }
}

/** `(a, b) < (c, d)` is `a < c OR (a = c AND b < d)`: the first values that differ decide, and a NULL among them none. */
function compareInOrder(
  count: number,
  operator: 'lt' | 'lte' | 'gt' | 'gte',
  each: (index: number, by: ComparisonOperator) => PlanExpression,
): PlanExpression {
  const strict = operator === 'lt' || operator === 'lte' ? 'lt' : 'gt';
  let rest = each(count - 1, operator);
  for (let index = count - 2; index >= 0; index -= 1)
    rest = logic('or', [each(index, strict), logic('and', [each(index, 'eq'), rest])]);
  return rest;
}

function compareTyped(values: readonly Typed[], operator: ComparisonOperator, { fields, context }: BindSite): Typed {
  const sides = meetTyped(values, fields, context);
  const [left, right] = sides;
  if (left?.type === 'json' && right?.type === 'json') return typed(compareDocuments(left, right, operator), 'boolean');
  const exactly = left && right ? compareExactly(operator, left, right) : undefined;
  if (exactly) return typed(exactly, 'boolean');
  const [first, second] = unify(sides).values;
  if (!first || !second) throw fields.refuse('a comparison has two sides');
  return typed(compare(operator, first.node, second.node), 'boolean');
}

export function bindBetween(site: BindSite): Typed {
  const { fields, context } = site;
  requireParentheses(fields, 'this');
  const bound = ['this', 'low', 'high'].map((name) => bindField(site, name));
  const negated = fields.flag('not');
  if (fields.flag('symmetric')) throw fields.refuse('BETWEEN SYMMETRIC is not supported');
  const sides = meetTyped(bound, fields, context);
  const [from, to] = [1, 2].map((place) => exactBound(sides[0], sides[place], place === 1 ? 'gte' : 'lte'));
  if (from || to) {
    const ends = [from ?? bareBound(sides, 1, 'gte'), to ?? bareBound(sides, 2, 'lte')];
    const isBetween = logic('and', ends);
    return typed(negated ? not(isBetween) : isBetween, 'boolean');
  }
  const [value, low, high] = unify(sides).values;
  if (!value || !low || !high) throw fields.refuse('BETWEEN takes two bounds');
  return typed({ kind: 'between', value: value.node, low: low.node, high: high.node, negated }, 'boolean');
}

function exactBound(value: Typed | undefined, bound: Typed | undefined, operator: 'gte' | 'lte') {
  if (!value || !bound) return undefined;
  if (value.type === 'json' && bound.type === 'json') return compareDocuments(value, bound, operator);
  return compareExactly(operator, value, bound);
}

function bareBound(sides: readonly Typed[], place: number, operator: 'gte' | 'lte'): PlanExpression {
  const [value, bound] = unify([sides[0], sides[place]].filter((side) => side !== undefined)).values;
  return value && bound ? compare(operator, value.node, bound.node) : trueLiteral;
}

/** A number of a document beside an exact one; undefined where doubles will do, or one side is no number. */
export function compareExactly(operator: ComparisonOperator, left: Typed, right: Typed): PlanExpression | undefined {
  const numbers = exactNumbersOf(left, right);
  return numbers && compareNumbers(operator, ...numbers);
}

/** Values that are compared: texts of the statement and bound ones are read as what they meet. */
export function meetTyped(values: readonly Typed[], fields: Fields, context: BindContext): readonly Typed[] {
  requireComparable(values, fields, context);
  const read = readLiteralTexts(values, fields, context);
  return context.meet(context.dialect === 'mysql' ? readTexts(read, context) : readMoments(read), fields);
}

/** Texts of rows beside a time in DuckDB, which drops their offset; PostgreSQL has refused them. */
function readMoments(values: readonly Typed[]): readonly Typed[] {
  if (!values.some((value) => isTemporal(value.type) && value.type !== 'date')) return values;
  return values.map((value) => (value.type === 'string' ? moment(value) : value));
}

/** Texts of columns beside a date, and beside a number where that is not refused, as MySQL reads them. */
function readTexts(values: readonly Typed[], context: BindContext): readonly Typed[] {
  const hasMoment = values.some((value) => isTemporal(value.type));
  const hasNumber = values.some((value) => isNumber(value.type));
  if (!hasMoment && !hasNumber) return values;
  return values.map((value) => {
    if (value.type !== 'string') return value;
    if (!hasMoment) return typed(leadingNumber(value.node, context), 'double');
    context.warnings.addValue('text_read_as_date', value.node);
    return typed(tryCast(tryCast(value.node, 'timestamptz'), 'timestamp'), 'timestamp');
  });
}

/** MySQL reads any text as some number, beside a column too (`'abc' = 0`): refused, unless that is asked for. */
export function requireComparable(values: readonly Typed[], fields: Fields, context: BindContext): void {
  const { dialect, options } = context;
  requireAlike(
    values.map(({ type }) => type),
    { fields, dialect, meeting: 'compared' },
  );
  if (dialect !== 'mysql' || !options.isStrict) return;
  if (values.some(({ type }) => type === 'string') && values.some(({ type }) => isNumber(type)))
    throw fields.refuse('a text is compared with a number; cast one of them', { expected: 'two values of one type' });
}
