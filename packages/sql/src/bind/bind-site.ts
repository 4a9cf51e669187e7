import { type Fields, kindOf } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import type { Scope } from './scope.ts';
import type { Typed } from './types.ts';

/** What a step of binding gets: the fields of its node, what names mean there, and what the whole statement shares. */
export type BindSite = { readonly fields: Fields; readonly scope: Scope; readonly context: BindContext };
/** Binds the kinds of node that it stands for in the table of `bind-expression.ts`. */
export type Binder = (site: BindSite) => Typed;

const comparisons = new Set(['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'null_safe_eq', 'null_safe_neq']);

/**
 * LIKE, IN and BETWEEN bind closer than `=` and `<`, which the parser takes for their equals: `a = b LIKE c` would be
 * `(a = b) LIKE c`.
 */
export function requireParentheses(fields: Fields, name: string): void {
  if (comparisons.has(kindOf(fields.required(name))))
    throw fields.refuse('a comparison on the left of LIKE, IN or BETWEEN; put parentheses around what is meant', {
      expected: 'parentheses',
    });
}

export function bindField({ fields, scope, context }: BindSite, name: string): Typed {
  return context.bind(fields.required(name), scope);
}
