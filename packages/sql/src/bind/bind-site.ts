import type { Fields } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import type { Scope } from './scope.ts';
import type { Typed } from './types.ts';

/** What a step of binding gets: the fields of its node, what names mean there, and what the whole statement shares. */
export type BindSite = { readonly fields: Fields; readonly scope: Scope; readonly context: BindContext };
/** Binds the kinds of node that it stands for in the table of `bind-expression.ts`. */
export type Binder = (site: BindSite) => Typed;

export function bindField({ fields, scope, context }: BindSite, name: string): Typed {
  return context.bind(fields.required(name), scope);
}
