import type { ScanRelation } from '@hybridstore/contracts';

/** How a printed text spells the names of a plan. Each is given unquoted. */
export interface PrintedNames {
  scan(scan: ScanRelation): string;
  relation(alias: string): string;
  entry(name: string): string;
  column(name: string): string;
  /** Of a column as it is stored, beside the column. */
  stored(name: string): string;
}

/** The plan's own names, for people. */
export const ownNames: PrintedNames = {
  scan: (scan) => scan.source,
  relation: (alias) => alias,
  entry: (name) => name,
  column: (name) => name,
  stored: (name) => `${name} as stored`,
};

/** What an engine folds: names that differ in nothing but the case of ASCII letters are the same to it, others are not. */
export function foldName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** `_s0` a scan, `_r0` a relation, `_w0` a WITH entry, `_c0` a column, `_p0` one as it is stored, `_j0` a variable; no name of any other form is ever printed for an engine. */
export const madeUpName = /^_[srwcjp]\d+$/;

/**
 * Made-up names for one plan, so that no name a user chose reaches an engine, to which a name can be a path, a function
 * or a setting. One name of the plan (as an engine folds it) has one made-up name throughout, so that scopes, USING and
 * the names of outputs mean what they did:
 *
 *   WITH "/tables/hr/*.parquet"(doc) AS (…) SELECT t.doc FROM "/tables/hr/*.parquet" AS t
 *   WITH "_w0"("_c0") AS (…) SELECT "_r0"."_c0" AS "_c0" FROM "_w0" AS "_r0"
 *
 * Names of fields of a struct are values, which answers show, and stay as they are.
 */
export class MadeUpNames implements PrintedNames {
  readonly #scans = new Map<string, string>();
  readonly #relations = new Map<string, string>();
  readonly #entries = new Map<string, string>();
  readonly #columns = new Map<string, string>();
  readonly #stored = new Map<string, string>();
  readonly #own = new Map<string, string>();

  scan(scan: ScanRelation): string {
    return this.#nameIn(this.#scans, 's', scan.alias);
  }

  relation(alias: string): string {
    return this.#nameIn(this.#relations, 'r', alias);
  }

  entry(name: string): string {
    return this.#nameIn(this.#entries, 'w', name);
  }

  column(name: string): string {
    return this.#nameIn(this.#columns, 'c', name);
  }

  stored(name: string): string {
    return this.#nameIn(this.#stored, 'p', name);
  }

  /** A text of the engine, such as the message of an error, in the words of the plan. */
  restore(text: string): string {
    return text.replaceAll(/_[srwcp]\d+\b/g, (name) => this.#own.get(name) ?? name);
  }

  #nameIn(names: Map<string, string>, letter: string, own: string): string {
    const key = foldName(own);
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = `_${letter}${names.size}`;
    names.set(key, name);
    this.#own.set(name, own);
    return name;
  }
}
