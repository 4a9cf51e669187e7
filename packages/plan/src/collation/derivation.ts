import { HybridStoreError } from '@hybridstore/contracts';
import type { Collation } from './collation.ts';

/**
 * Where the collation of an expression comes from, the strongest first: COLLATE of the query, a column that declares one, a
 * column that declares none, a text without a column. `other` is no text.
 */
export type Derivation =
  | { readonly kind: 'explicit'; readonly collation: Collation }
  | { readonly kind: 'declared'; readonly collation: Collation; readonly column: string }
  | { readonly kind: 'undeclared'; readonly columns: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'other' }
  /** Texts of several collations of one strength: a text, but one that cannot be compared. */
  | { readonly kind: 'conflict'; readonly collations: readonly string[] };

export const other: Derivation = { kind: 'other' };
export const none: Derivation = { kind: 'none' };

/** What values that meet, or that are put together, have in common. */
export function combine(derivations: readonly Derivation[]): Derivation {
  const explicit = derivations.filter((one) => one.kind === 'explicit');
  const [first] = explicit;
  if (first)
    return explicit.every(({ collation }) => collation === first.collation)
      ? first
      : { kind: 'conflict', collations: explicit.map(({ collation }) => `COLLATE ${collation}`) };
  const conflict = derivations.find((one) => one.kind === 'conflict');
  if (conflict) return conflict;
  const declared = derivations.filter((one) => one.kind === 'declared');
  const [column] = declared;
  if (column)
    return declared.every(({ collation }) => collation === column.collation)
      ? column
      : { kind: 'conflict', collations: declared.map((one) => `${one.column} (${one.collation})`) };
  const columns = derivations.flatMap((one) => (one.kind === 'undeclared' ? one.columns : []));
  if (columns.length > 0) return { kind: 'undeclared', columns: [...new Set(columns)] };
  return derivations.length > 0 && derivations.every(({ kind }) => kind === 'other') ? other : none;
}

/** The collation by which texts are compared; `invalid_request` names those between which nothing decides. */
export function decided(derivation: Derivation): Collation {
  if (derivation.kind === 'conflict') {
    const names = [...new Set(derivation.collations)].slice(0, namesMax).join(', ');
    throw new HybridStoreError(
      'invalid_request',
      `texts of different collations are compared: ${names}; write COLLATE`,
      {
        expected: 'texts of one collation',
        actual: names,
      },
    );
  }
  return derivation.kind === 'explicit' || derivation.kind === 'declared' ? derivation.collation : 'binary';
}

const namesMax = 5;
