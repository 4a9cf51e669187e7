import { createHash } from 'node:crypto';

type VersionedColumn = { readonly name: string; readonly type: string; readonly collation?: string | undefined };

const known = new WeakMap<readonly VersionedColumn[], string>();

/**
 * A name of exactly these columns: what a plan may rest on of a source. The same wherever it is made of equal names, types
 * and collations in one order, whatever else is known of the columns there.
 */
export function columnsVersion(columns: readonly VersionedColumn[]): string {
  const found = known.get(columns);
  if (found !== undefined) return found;
  const described = columns.map(({ name, type, collation }) => [name, type, collation ?? null]);
  const version = createHash('sha256').update(JSON.stringify(described)).digest('base64url');
  known.set(columns, version);
  return version;
}
