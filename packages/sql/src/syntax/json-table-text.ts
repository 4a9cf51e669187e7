import type { Dialect } from '@hybridstore/contracts';
import type { Token } from './lexer.ts';
import { positionAt, refuseSql } from './refusal.ts';

/** Places of tokens: the column list of a `JSON_TABLE`, from its parenthesis to the one that closes it. */
type ColumnList = { readonly from: number; readonly to: number };
type Edit = { readonly start: number; readonly end: number; readonly text: string };

/** What stands before the name of an integer type for the UNSIGNED behind it. */
export const unsignedPrefix = 'hs_fn_unsigned_';

const unsignedTypes = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint']);

/**
 * The columns of MySQL's `JSON_TABLE(doc, '$[*]' COLUMNS (…))`, of which the parser reads a part. The defaults that it does
 * not know are taken out, UNSIGNED is joined with its type, and every other clause is refused by its name:
 *
 *     a INT UNSIGNED PATH '$.a' NULL ON EMPTY      what was written
 *     a hs_fn_unsigned_INT PATH '$.a'              what is parsed
 */
export function readJsonTables(
  tokens: readonly Token[],
  original: string,
  dialect: Dialect,
): { readonly edits: readonly Edit[]; readonly isColumn: (at: number) => boolean } {
  const starts = tokens.flatMap((_, at) =>
    wordOf(tokens[at]) === 'json_table' && textOf(tokens[at + 1]) === '(' ? [at] : [],
  );
  const [first] = starts;
  if (first !== undefined && dialect !== 'mysql')
    throw refuseSql('JSON_TABLE is not supported', positionAt(original, tokens[first]?.start ?? 0), {
      name: 'JSON_TABLE',
      expected: dialect === 'postgresql' ? 'jsonb_array_elements' : 'UNNEST',
    });
  const lists = starts.flatMap((at) => findColumns(tokens, at + 1));
  return {
    edits: lists.flatMap((list) => readColumns(tokens, list, original)),
    isColumn: (at) => lists.some(({ from, to }) => at > from && at < to),
  };
}

/** The list behind the word COLUMNS of the call itself; none where the call has none, which the parser refuses. */
function findColumns(tokens: readonly Token[], call: number): readonly ColumnList[] {
  const end = closingOf(tokens, call);
  let depth = 0;
  for (let at = call; at < end; at += 1) {
    depth += depthOf(tokens[at]);
    if (depth === 1 && wordOf(tokens[at]) === 'columns' && textOf(tokens[at + 1]) === '(')
      return [{ from: at + 1, to: closingOf(tokens, at + 1) }];
  }
  return [];
}

function closingOf(tokens: readonly Token[], opening: number): number {
  let depth = 0;
  for (let at = opening; at < tokens.length; at += 1) {
    depth += depthOf(tokens[at]);
    if (depth === 0) return at;
  }
  return tokens.length;
}

function depthOf(token: Token | undefined): number {
  if (token?.kind !== 'symbol') return 0;
  return token.text === '(' ? 1 : token.text === ')' ? -1 : 0;
}

function readColumns(tokens: readonly Token[], { from, to }: ColumnList, original: string): readonly Edit[] {
  const edits: Edit[] = [];
  for (let at = from + 1; at < to; at += 1) {
    const [before, token, next] = [tokens[at - 1], tokens[at], tokens[at + 1]];
    const refuse = (name: string, expected: string, place = token) =>
      refuseSql(`JSON_TABLE: ${name} is not supported`, positionAt(original, place?.start ?? 0), { name, expected });
    const word = wordOf(token);
    const beginsColumn = textOf(before) === '(' || textOf(before) === ',';
    if (word === 'nested' && beginsColumn && (wordOf(next) === 'path' || next?.kind === 'text'))
      throw refuse('NESTED', 'another JSON_TABLE over a JSON column of this one');
    if (word === 'exists' && wordOf(next) === 'path') throw refuse('EXISTS', 'a JSON column IS NOT NULL');
    if (word === 'unsigned' && !beginsColumn) {
      if (!unsignedTypes.has(wordOf(before))) throw refuse('UNSIGNED', 'UNSIGNED behind a type of whole numbers');
      edits.push({ start: before?.start ?? 0, end: before?.start ?? 0, text: unsignedPrefix });
      edits.push({ start: before?.end ?? 0, end: token?.end ?? 0, text: '' });
    }
    if (word !== 'on' || !isOutcome(next)) continue;
    const name = `ON ${wordOf(next).toUpperCase()}`;
    if (wordOf(before) === 'error') throw refuse(`ERROR ${name}`, `NULL ${name}`, before);
    if (wordOf(before) !== 'null') throw refuse(`DEFAULT … ${name}`, `NULL ${name}`);
    // It is the default, so nothing is lost.
    edits.push({ start: before?.start ?? 0, end: next?.end ?? 0, text: '' });
  }
  return edits;
}

function isOutcome(token: Token | undefined): boolean {
  return wordOf(token) === 'empty' || wordOf(token) === 'error';
}

function wordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? token.text.toLowerCase() : '';
}

function textOf(token: Token | undefined): string {
  return token?.text ?? '';
}
