import type { Fields } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import type { Scope } from './scope.ts';

export type TableAlias = { readonly name: string | undefined; readonly columns: readonly string[] };

/** A call in FROM; `before` is what stands to its left, which it may read. */
export type TableCall = {
  readonly fields: Fields;
  readonly alias: TableAlias;
  readonly withOrdinality: boolean;
  readonly before: Scope;
  readonly context: BindContext;
};
