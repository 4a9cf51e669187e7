import type { LikeNode, PlanExpression } from '@hybridstore/contracts';

/**
 * LIKE with backslash as the escape character. The escape is left out where the pattern is known to hold none, because
 * the engine turns only plain prefixes into ranges.
 */
export function likePattern(
  value: PlanExpression,
  pattern: PlanExpression,
  options: { readonly caseInsensitive: boolean; readonly negated: boolean; readonly knownPattern?: string | undefined },
): LikeNode {
  const isPlain = options.knownPattern !== undefined && !options.knownPattern.includes('\\');
  return {
    kind: 'like',
    value,
    pattern,
    ...(isPlain ? {} : { escape: '\\' }),
    caseInsensitive: options.caseInsensitive,
    negated: options.negated,
  };
}
