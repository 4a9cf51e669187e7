import type { Dialect } from '@hybridstore/contracts';
import { readTokens, type Token } from '../syntax/lexer.ts';

/** A table as FROM or JOIN names it, in lower case, and where. */
export type NamedTable = { readonly name: string; readonly offset: number };

/**
 * The tables of a statement, read from its tokens alone: what stands behind FROM, JOIN and the commas between them. It
 * knows no expressions and builds no tree, so it shares no fault with the two parsers, and it reads every dialect.
 *
 *     SELECT EXTRACT(DAY FROM d) FROM (t AS a CROSS JOIN u), LATERAL (SELECT MAX(v.x) FROM v) m WHERE …
 *            └ operand: FROM is a word      └ tables: t, u         └ query: its own FROM     └ ends the list
 *
 * A pair of parentheses is one of three things, by where it opens and how it begins: a query, tables joined, an operand.
 *
 * Left out: which names are common tables (the caller knows), and whether the text is SQL at all.
 */
export function readTables(text: string, dialect: Dialect): readonly NamedTable[] {
  const tokens = readTokens(text, dialect);
  const tables: NamedTable[] = [];
  const levels: Level[] = [{ kind: 'query', state: 'outside' }];
  let at = 0;
  while (at < tokens.length) {
    const level = levels.at(-1) ?? { kind: 'operand', state: 'outside' };
    const token = tokens[at] ?? end;
    if (opening.has(token.text)) {
      levels.push(openLevel(level, tokens[at + 1] ?? end, token, dialect));
      if (level.state === 'at_table') level.state = 'behind_table';
    } else if (closing.has(token.text)) {
      if (levels.length > 1) levels.pop();
    } else if (level.state === 'at_table' && isName(token) && !beforeTable.has(wordOf(token))) {
      const chain = readChain(tokens, at);
      level.state = 'behind_table';
      if (!isWordOfQuery(token) && tokens[chain.end]?.text !== '(')
        tables.push({ name: chain.name, offset: chain.offset });
      if (isWordOfQuery(token)) move(level, token, undefined);
      at = chain.end;
      continue;
    } else if (!isFromOfWindow(tokens, at)) move(level, token, tokens[at - 1]);
    at += 1;
  }
  return tables;
}

/**
 * `kind` is what the parentheses hold; `state` where the reader is in their FROM: not in one, where a table is named, or
 * behind one (its alias, ON, USING), until a comma, a join or the next clause.
 */
type Level = { kind: 'query' | 'tables' | 'operand'; state: 'outside' | 'at_table' | 'behind_table' };

const end: Token = { kind: 'symbol', text: '', start: 0, end: 0 };
const opening = new Set(['(', '[', '{']);
const closing = new Set([')', ']', '}']);
const queryWords = new Set(['select', 'with', 'values']);
/** Words between FROM or JOIN and the table. */
const beforeTable = new Set(['lateral', 'only']);
const joins = new Set(['join', 'straight_join']);
/** Clauses behind FROM; SELECT is one where FROM may stand first. */
const clauses = new Set(
  'where group having window qualify order limit offset fetch for union intersect except minus select'.split(' '),
);

function openLevel(outer: Level, first: Token, bracket: Token, dialect: Dialect): Level {
  if (bracket.text !== '(') return { kind: 'operand', state: 'outside' };
  const word = wordOf(first);
  if (queryWords.has(word)) return { kind: 'query', state: 'outside' };
  if (word === 'from' && dialect === 'duckdb') return { kind: 'query', state: 'outside' };
  return outer.state === 'at_table' ? { kind: 'tables', state: 'at_table' } : { kind: 'operand', state: 'outside' };
}

/** What a token outside a table's name does to the level that it stands in. */
function move(level: Level, token: Token, before: Token | undefined): void {
  const word = before?.text === '.' ? '' : wordOf(token);
  if (word === 'select') level.kind = 'query';
  if (level.kind === 'operand' || isOfIndexHint(word, wordOf(before ?? end))) return;
  if (level.kind === 'query' && word === 'from' && wordOf(before ?? end) !== 'distinct') level.state = 'at_table';
  else if (level.state === 'outside') return;
  else if (token.text === ',' || joins.has(word)) level.state = 'at_table';
  else if (clauses.has(word)) level.state = level.kind === 'tables' ? 'at_table' : 'outside';
}

/** MySQL's `USE INDEX FOR JOIN (…)`: FOR and JOIN, ORDER BY or GROUP BY that begin nothing. */
function isOfIndexHint(word: string, before: string): boolean {
  return (word === 'for' && (before === 'index' || before === 'key')) || (word !== '' && before === 'for');
}

/** `NTH_VALUE(a, 2) FROM FIRST OVER …` */
function isFromOfWindow(tokens: readonly Token[], at: number): boolean {
  const [from, side, next] = [at, at + 1, at + 2].map((place) => wordOf(tokens[place] ?? end));
  return from === 'from' && sides.has(side ?? '') && behindSide.has(next ?? '');
}

const sides = new Set(['first', 'last']);
const behindSide = new Set(['over', 'respect', 'ignore']);

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted' || token.kind === 'text';
}

function isWordOfQuery(token: Token): boolean {
  return token.kind === 'word' && queryWords.has(wordOf(token));
}

function wordOf(token: Token): string {
  return token.kind === 'word' ? token.text.toLowerCase() : '';
}

/** `catalog.schema.name` is known by its last part. */
function readChain(tokens: readonly Token[], from: number): NamedTable & { readonly end: number } {
  let last = from;
  while (tokens[last + 1]?.text === '.' && isName(tokens[last + 2] ?? end)) last += 2;
  const token = tokens[last] ?? end;
  return { name: nameOf(token), offset: tokens[from]?.start ?? 0, end: last + 1 };
}

function nameOf(token: Token): string {
  if (token.kind === 'word') return token.text.toLowerCase();
  const quote = token.text[0] ?? '';
  return token.text
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .toLowerCase();
}
