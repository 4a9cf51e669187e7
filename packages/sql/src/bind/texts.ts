import { cast, likePattern, literal } from '@hybridstore/plan';
import { type BindSite, bindField, requireParentheses } from './bind-site.ts';
import { dialectText, isText, type Typed, textOf, typed } from './types.ts';

/** `||` where it joins texts (MySQL's parser gives OR instead). Lists are appended. */
export function bindConcat({ fields, scope, context }: BindSite): Typed {
  const sides = ['left', 'right'].map((name) => context.bind(fields.required(name), scope));
  const isList = sides.some((side) => side.type === 'list' || side.type.endsWith('[]'));
  const operands = sides.flatMap((side) => {
    const node =
      isList || isText(side.type)
        ? side.node
        : side.type === 'boolean'
          ? cast(side.node, 'string')
          : dialectText(side, context.dialect);
    return node.kind === 'concat' ? node.operands : [node];
  });
  return typed({ kind: 'concat', operands }, isList ? (sides[0]?.type ?? 'list') : 'string');
}

/** LIKE follows the collation of its texts in every dialect, as `=` does: one table answers alike in whatever words. */
export function bindLike(site: BindSite, caseInsensitive: boolean): Typed {
  const { fields, scope, context } = site;
  requireParentheses(fields, 'left');
  const value = dialectText(bindField({ fields, scope, context }, 'left'), context.dialect);
  const pattern = bindField({ fields, scope, context }, 'right');
  const escaped = fields.optional('escape');
  const known =
    pattern.node.kind === 'literal' && typeof pattern.node.value === 'string' ? pattern.node.value : undefined;
  if (escaped) {
    const character = context.bind(escaped, scope).node;
    if (character.kind !== 'literal' || typeof character.value !== 'string' || [...character.value].length > 1)
      throw fields.refuse('ESCAPE takes one character', { expected: 'one character' });
    const escapeWith = character.value === '' ? {} : { escape: character.value };
    return typed(
      { kind: 'like', value, pattern: textOf(pattern), ...escapeWith, caseInsensitive, negated: false },
      'boolean',
    );
  }
  // DuckDB has no escape character unless one is named.
  if (context.dialect === 'duckdb')
    return typed({ kind: 'like', value, pattern: textOf(pattern), caseInsensitive, negated: false }, 'boolean');
  return typed(
    likePattern(value, textOf(pattern), { caseInsensitive, negated: false, knownPattern: known }),
    'boolean',
  );
}

export function bindRegex(site: BindSite, caseInsensitive: boolean): Typed {
  requireParentheses(site.fields, 'this');
  const value = dialectText(bindField(site, 'this'), site.context.dialect);
  const pattern = site.fields.optional('pattern') ?? site.fields.required('expression');
  const operands = [value, textOf(site.context.bind(pattern, site.scope))];
  // A point stands for a line's end as well in PostgreSQL.
  const options = `${site.context.dialect === 'postgresql' ? 's' : ''}${caseInsensitive ? 'i' : ''}`;
  if (options !== '') operands.push(literal('string', options));
  // DuckDB's `~` is about the whole text, everyone else's about any part of it.
  const isWhole = site.context.dialect === 'duckdb';
  return typed(
    { kind: 'call', function: isWhole ? 'regexp_full_match' : 'regexp_matches', arguments: operands },
    'boolean',
  );
}
