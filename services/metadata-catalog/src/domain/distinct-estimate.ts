import { parseColumnType } from '@hybridstore/contracts';
import type { ColumnSummary } from './column-summary.ts';

const dayMs = 86_400_000;

/**
 * How many distinct values a column holds, to a planner's needs: the rows for a key, the exact number for columns that
 * are constant in each file, otherwise at most the width of the value range and at most the rows. Null where bounds say nothing about it (text,
 * fractions): a guess of ours would look like a count to the optimizer.
 */
export function estimateDistinct(
  typeName: string,
  summary: ColumnSummary,
  options: { readonly isKey: boolean },
): number | null {
  if (summary.values === 0) return summary.bounds.nulls === null ? null : 0;
  if (options.isKey) return summary.values;
  if (summary.constantsCount !== undefined) return summary.constantsCount;
  const width = rangeWidth(typeName, summary.bounds.min, summary.bounds.max);
  return width === null ? null : Math.min(summary.values, width);
}

/** Number of values of a discrete type between two bounds, both included. */
function rangeWidth(typeName: string, min: string | null, max: string | null): number | null {
  const kind = parseColumnType(typeName)?.kind;
  if (kind === 'boolean') return 2;
  if (min === null || max === null) return null;
  if (kind === 'integer' || kind === 'bigint') return finite(Number(max) - Number(min) + 1);
  if (kind === 'date') return finite((Date.parse(max) - Date.parse(min)) / dayMs + 1);
  return null;
}

function finite(width: number): number | null {
  return Number.isFinite(width) && width >= 1 ? Math.round(width) : null;
}
