import type { Dialect } from '@hybridstore/contracts';
// Of each dialect its own build: that of all of them is 4 MB, which every thread would read at its start.
import mysqlParser from 'node-sql-parser/build/mysql.js';
import postgresqlParser from 'node-sql-parser/build/postgresql.js';
import { positionAt, refuseSql } from '../syntax/refusal.ts';
import { type NamedTable, readTables } from './from-clauses.ts';

const postgresql = { Parser: postgresqlParser.Parser, database: 'PostgreSQL' };
const readers = {
  mysql: { Parser: mysqlParser.Parser, database: 'MySQL' },
  postgresql,
  duckdb: postgresql,
} as const satisfies Readonly<Record<Dialect, unknown>>;

export type CrossCheck = 'agreed' | 'cannot_read';

type Statement = { readonly text: string; readonly dialect: Dialect };
/** What the first parser saw: sources, and the names that WITH gives. */
type Ours = { readonly sources: readonly string[]; readonly commonTables: readonly string[] };

/**
 * The cross-check parser, independent of the first, lists the tables of the statement: two parsers that understand a text
 * differently are how a statement is smuggled past the one that checks. Where its list is another than ours, or it cannot
 * read the text, a third reader decides, which has nothing in common with either (`from-clauses.ts`). What was bound needs
 * one of them on its side; two that agree on other tables than ours do not help it.
 *
 *     the cross-check parser    the third reader    outcome
 *     as ours                   (not asked)         agreed
 *     otherwise                 as ours             agreed: a fault of the cross-check parser
 *     cannot read               as ours             cannot_read
 *     otherwise, cannot read    otherwise           refused, with the tables and their place
 */
export function crossCheckTables(statement: Statement, ours: Ours): CrossCheck {
  const second = listTables(statement);
  if (second && isSame(second, ours)) return 'agreed';
  const named = readTables(statement.text, statement.dialect);
  const third = [...new Set(named.map(({ name }) => name))];
  if (isSame(third, ours)) return second ? 'agreed' : 'cannot_read';
  throw disagreement(statement, ours, { second, third, named });
}

function isSame(theirs: readonly string[], ours: Ours): boolean {
  const { extra, missing } = differences(theirs, ours);
  return extra.length === 0 && missing.length === 0;
}

/** Common tables are no sources, whichever of the two a reader takes a name for. */
function differences(theirs: readonly string[], ours: Ours) {
  const local = new Set(ours.commonTables.map((name) => name.toLowerCase()));
  const known = new Set(ours.sources.map((name) => name.toLowerCase()));
  return {
    extra: theirs.filter((name) => !known.has(name) && !local.has(name)),
    missing: [...known].filter((name) => !theirs.includes(name)),
  };
}

/** Names in lower case, or undefined when this parser cannot read the text. Entries look like `select::null::name`. */
function listTables({ text, dialect }: Statement): readonly string[] | undefined {
  try {
    const { Parser, database } = readers[dialect];
    const list = new Parser().tableList(text, { database });
    return [...new Set(list.map((entry) => (entry.split('::').at(-1) ?? '').toLowerCase()))];
  } catch {
    // Not an error of the statement: this parser knows less SQL than the first one.
    return undefined;
  }
}

type Others = {
  readonly second: readonly string[] | undefined;
  readonly third: readonly string[];
  readonly named: readonly NamedTable[];
};

const namesShownMax = 20;

function disagreement({ text }: Statement, ours: Ours, { second, third, named }: Others) {
  const theirs = second ?? third;
  const { extra, missing } = differences(theirs, ours);
  const disputed = new Set([...extra, ...missing]);
  // A table that no token names has no place of its own; then the first FROM is shown.
  const place = named.find(({ name }) => disputed.has(name)) ?? named[0];
  const expected = ours.sources.map((name) => name.toLowerCase());
  const local = new Set(ours.commonTables.map((name) => name.toLowerCase()));
  const actual = theirs.filter((name) => !local.has(name));
  return refuseSql(
    `the parsers of the statement disagree about its tables: one reads ${show(expected)}, another ${show(actual)}`,
    place && positionAt(text, place.offset),
    { expected, actual },
  );
}

function show(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.slice(0, namesShownMax).join(', ');
}
