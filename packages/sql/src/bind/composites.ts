import type { BindSite } from './bind-site.ts';
import { isText, type Typed, typed, unify } from './types.ts';

export function bindArray({ fields, scope, context }: BindSite): Typed {
  const bound = fields.list('expressions').map((item) => context.bind(item, scope));
  const { values, type } = unify(context.meet(bound, fields));
  const items = values.map((value) => value.node);
  const item = isText(type) ? 'string' : type;
  return typed({ kind: 'array', items }, ['unknown', 'null', 'struct'].includes(item) ? 'list' : `${item}[]`);
}

export function bindTuple({ fields, scope, context }: BindSite): Typed {
  const items = fields.list('expressions').map((item) => context.bind(item, scope).node);
  if (items.length === 0) throw fields.refuse('an empty list in parentheses is not a value');
  return typed({ kind: 'row', items }, 'struct');
}

/** DuckDB's `{'a': 1}`; `MAP {…}` is another thing. */
export function bindStruct({ fields, scope, context }: BindSite): Typed {
  if (fields.flag('with_map_keyword') || context.dialect !== 'duckdb')
    throw fields.refuse('MAP {…} is not supported; use map([keys], [values])');
  const keys = fields.list('keys').map((key) => context.bind(key, scope).node);
  const values = fields.list('values').map((value) => context.bind(value, scope).node);
  const entries = keys.map((key, index) => {
    const value = values[index];
    if (key.kind !== 'literal' || typeof key.value !== 'string' || !value)
      throw fields.refuse('keys of a struct are texts');
    return { name: key.value, value };
  });
  return typed({ kind: 'struct', fields: entries }, 'struct');
}

/** A list and a value that is looked for among its elements: texts on one side are read as the type of the other. */
export function meetElement(list: Typed, value: Typed, { fields, context }: BindSite): readonly [Typed, Typed] {
  const { node } = list;
  if (node.kind === 'array' && list.type === 'string[]') {
    const items = node.items.map((item) =>
      typed(item, item.kind === 'literal' || item.kind === 'parameter' ? 'literal' : 'string'),
    );
    const [, ...met] = context.meet([value, ...items], fields);
    return [typed({ ...node, items: met.map((item) => item.node) }, list.type), value];
  }
  const element = list.type.endsWith('[]') ? list.type.slice(0, -'[]'.length) : 'unknown';
  const [read = value] = context.meet([value, typed(node, element)], fields);
  return [list, read];
}
