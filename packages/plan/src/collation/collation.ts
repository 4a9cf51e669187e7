import type { CallNode, ColumnCollation, LiteralNode, PlanExpression } from '@hybridstore/contracts';
import { call, text } from '../nodes.ts';

/** How texts are compared. A column declares one of the first three; `noaccent` can only be written in a query. */
export type Collation = ColumnCollation | 'noaccent';

/** What stands for `value COLLATE …` until `applyCollations` has done what it says. No plan that is finished holds one. */
export const collateMarker = 'collate';

export function collate(value: PlanExpression, collation: Collation): CallNode {
  return call(collateMarker, value, text(collation));
}

/** The collation that a marker names; undefined for every other node. */
export function markedCollation(node: PlanExpression): Collation | undefined {
  if (node.kind !== 'call' || node.function !== collateMarker) return undefined;
  const name = node.arguments[1];
  return name?.kind === 'literal' ? (name.value as Collation) : undefined; // `collate` writes nothing else
}

/**
 * What stands for a text wherever it is compared, grouped or sorted: equal texts of a collation have the same key. These
 * are what the engine's NOCASE and NOACCENT compare by. Its own collations are not used, since they do not reach
 * COUNT(DISTINCT), INTERSECT and lists, which compare bytes nevertheless.
 */
export function collationKey(value: PlanExpression, collation: Collation): PlanExpression {
  if (value.kind === 'literal' && isAscii(value.value)) return foldedLiteral(value, collation);
  switch (collation) {
    case 'binary':
      return value;
    case 'nocase':
      return call('lower', value);
    case 'noaccent':
      return call('strip_accents', value);
    case 'nocase_noaccent':
      return call('strip_accents', call('lower', value));
  }
}

/** What a long list of texts would be too large without; of other letters only the engine knows what it makes. */
function foldedLiteral(value: LiteralNode, collation: Collation): PlanExpression {
  const hasCase = collation === 'binary' || collation === 'noaccent';
  return hasCase ? value : { ...value, value: String(value.value).toLowerCase() };
}

function isAscii(value: LiteralNode['value']): boolean {
  return typeof value === 'string' && !/[^ -~]/.test(value);
}
