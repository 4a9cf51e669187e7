import type { Column } from '@hybridstore/contracts';

/**
 * Columns by their place, `c0`, `c1`, …, as the writer's own tables name them: among the names that a user may choose are
 * those of the engine's own columns, such as `rowid`.
 */
export function placeName(index: number): string {
  return `c${index}`;
}

export function namedByPlace(columns: readonly Column[]): readonly Column[] {
  return columns.map((column, index) => ({ ...column, name: placeName(index) }));
}
