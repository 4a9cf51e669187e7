import type { BindSite } from './bind-site.ts';
import { isText, type Typed, typed, unify } from './types.ts';

export function bindArray({ fields, scope, context }: BindSite): Typed {
  const { values, type } = unify(fields.list('expressions').map((item) => context.bind(item, scope)));
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
