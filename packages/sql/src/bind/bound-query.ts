import type { PlanExpression, PlanQuery, QueryBody, SelectBody } from '@hybridstore/contracts';
import type { Scope } from './scope.ts';
import type { Typed } from './types.ts';

export type BoundQuery = {
  readonly query: PlanQuery;
  readonly outputs: readonly { readonly name: string; readonly type: string }[];
};

export type BoundSelect = {
  readonly body: SelectBody;
  readonly outputs: BoundQuery['outputs'];
  readonly projections: readonly PlanExpression[];
  readonly aliases: ReadonlyMap<string, Typed>;
  readonly scope: Scope;
};

/** A body bound, with what ORDER BY may name. */
export type BoundBody = {
  readonly body: QueryBody;
  readonly outputs: BoundQuery['outputs'];
  readonly select?: BoundSelect;
};
