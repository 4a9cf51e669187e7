import type { Dialect } from '@hybridstore/contracts';
import nodeSqlParser from 'node-sql-parser';
import { refuseSql } from '../syntax/refusal.ts';

const databases: Readonly<Record<Dialect, string>> = { mysql: 'MySQL', postgresql: 'PostgreSQL', duckdb: 'PostgreSQL' };

export type CrossCheck = 'agreed' | 'cannot_read';

/**
 * The cross-check parser, independent of the first, lists the tables of the statement. Where it can read the text, its list must be ours: two
 * parsers that understand a text differently are how a statement is smuggled past the one that checks. What it cannot read
 * is left to the checks that follow (the plan holds only known sources; the engine's own parser reads the printed text).
 */
export function crossCheckTables(
  statement: { readonly text: string; readonly dialect: Dialect },
  ours: { readonly sources: readonly string[]; readonly commonTables: readonly string[] },
): CrossCheck {
  const theirs = listTables(statement.text, statement.dialect);
  if (!theirs) return 'cannot_read';
  const local = new Set(ours.commonTables.map((name) => name.toLowerCase()));
  const known = new Set(ours.sources.map((name) => name.toLowerCase()));
  const extra = theirs.filter((name) => !known.has(name) && !local.has(name));
  const missing = [...known].filter((name) => !theirs.includes(name));
  if (extra.length === 0 && missing.length === 0) return 'agreed';
  throw refuseSql('two parsers of the statement disagree about its tables', undefined, {
    expected: [...known],
    actual: theirs.filter((name) => !local.has(name)),
  });
}

/** Names in lower case, or undefined when this parser cannot read the text. Entries look like `select::null::name`. */
function listTables(text: string, dialect: Dialect): readonly string[] | undefined {
  try {
    const list = new nodeSqlParser.Parser().tableList(text, { database: databases[dialect] });
    return [...new Set(list.map((entry) => (entry.split('::').at(-1) ?? '').toLowerCase()))];
  } catch {
    // Not an error of the statement: this parser knows less SQL than the first one.
    return undefined;
  }
}
