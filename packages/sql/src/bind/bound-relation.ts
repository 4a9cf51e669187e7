import type { PlanRelation } from '@hybridstore/contracts';
import type { ScopeColumn, ScopeRelation } from './scope.ts';
import type { Typed } from './types.ts';

/** What stands in FROM, with the names that it gives: `merged` are columns that USING made of two. */
export type BoundRelation = {
  readonly relation: PlanRelation;
  readonly relations: readonly ScopeRelation[];
  readonly merged: ReadonlyMap<string, Typed>;
};

/** A relation that is no join, under the name by which the statement calls it. */
export function single(
  relation: Exclude<PlanRelation, { kind: 'join' }>,
  name: string,
  columns: readonly ScopeColumn[],
): BoundRelation {
  return { relation, relations: [{ name, alias: relation.alias, columns }], merged: new Map() };
}
