import { kindOf, words } from '../syntax/syntax-tree.ts';
import { bindAmong } from './bind-in.ts';
import { type BindSite, bindField } from './bind-site.ts';
import { meetQuery } from './compare-with-query.ts';
import { meetElement } from './composites.ts';
import { bindListParameter } from './literals.ts';
import { type Typed, typed } from './types.ts';

export function bindExists({ fields, scope, context }: BindSite): Typed {
  const { query } = context.query(fields.required('this'), scope, context);
  return typed({ kind: 'exists', query, negated: fields.flag('not') }, 'boolean');
}

export function bindScalarSubquery({ fields, scope, context }: BindSite): Typed {
  const { query, outputs } = context.query(fields.node, scope, context);
  for (const name of ['this', 'order_by', 'limit', 'offset', 'with']) fields.ignore(name, 'read by bindQuery');
  const [only] = outputs;
  if (!only || outputs.length > 1)
    throw fields.refuse(`a subquery used as a value has one column, found ${outputs.length}`);
  // A text of the statement takes the type of what it meets; one that a query gives is a text.
  return typed({ kind: 'subquery', query }, only.type === 'literal' ? 'string' : only.type);
}

const quantifiedOperators: Readonly<Record<string, 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte'>> = {
  Eq: 'eq',
  Neq: 'ne',
  Lt: 'lt',
  Lte: 'lte',
  Gt: 'gt',
  Gte: 'gte',
};

export function bindQuantified(site: BindSite, quantifier: 'any' | 'all'): Typed {
  const { fields, scope, context } = site;
  const operator = quantifiedOperators[String(fields.value('op'))];
  const value = bindField(site, 'this');
  const operand = fields.required('subquery');
  const list = bindListParameter(operand, context);
  if (list) {
    const isAmong = operator === 'eq' && quantifier === 'any';
    if (!isAmong && !(operator === 'ne' && quantifier === 'all'))
      throw fields.refuse('a bound list takes = ANY and <> ALL only', { expected: '= ANY or <> ALL' });
    return bindAmong(site, { value, list, negated: !isAmong });
  }
  if (!operator) throw fields.refuse(`this comparison with ${words(quantifier)} is not supported`);
  if (!['select', 'subquery', 'union', 'intersect', 'except', 'values'].includes(kindOf(operand))) {
    if (operator !== 'eq' || quantifier !== 'any')
      throw fields.refuse(`${words(quantifier)} over a list takes = ANY only`);
    const [values, element] = meetElement(context.bind(operand, scope), value, site);
    return typed({ kind: 'call', function: 'list_contains', arguments: [values.node, element.node] }, 'boolean');
  }
  const bound = context.query(operand, scope, context);
  if (bound.outputs.length !== 1)
    throw fields.refuse(`${words(quantifier)} takes a query of one column, found ${bound.outputs.length}`);
  const { values, query } = meetQuery([value], bound, operator, site);
  const [read = value.node] = values;
  return typed({ kind: 'quantified', operator, value: read, quantifier, query }, 'boolean');
}
