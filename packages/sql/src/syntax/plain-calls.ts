import type { Dialect } from '@hybridstore/contracts';
import { signatureOf } from './function-signatures.ts';
import type { Token } from './lexer.ts';

/** Its `*` and its rows of values are for the parser to read. */
const readByParser = new Set(['count', 'row', 'unnest']);
/** Types, which a cast names with a length behind: `CAST(x AS CHAR(3))`, `CONVERT(x, CHAR(3))`. */
const typeNames = new Set(['char', 'date', 'time', 'year']);
/** Words behind which an argument goes on. */
const operatorWords = new Set([
  ...[
    'case',
    'when',
    'then',
    'else',
    'and',
    'or',
    'xor',
    'not',
    'is',
    'in',
    'like',
    'ilike',
    'between',
    'distinct',
    'div',
  ],
  ...['mod', 'rlike', 'regexp', 'interval', 'select'],
]);
const leadingWords = new Set(['leading', 'trailing', 'both']);
/** Words between arguments that only a grammar of the function's own understands: `TRIM(LEADING 'x' FROM a)`. */
const innerWords = new Set([
  ...['from', 'for', 'in', 'order', 'separator', 'ignore', 'respect', 'using', 'as', 'limit'],
  ...['value', 'returning', 'on', 'passing', 'key', ':', '*'],
]);

/** What stands between two parentheses, by the place of the first. */
type Parentheses = {
  /** The place of the one that closes; behind the last token where none does. */
  readonly end: number;
  readonly hasInnerWord: boolean;
  /** The word before the parentheses that these stand in. */
  readonly within: string;
};

/**
 * Places of the names of known functions that are called with nothing but arguments and commas. These calls can be read
 * without knowing the function, so that no argument gets lost where the parser takes it for another system's.
 */
export function plainCalls(tokens: readonly Token[], dialect: Dialect): ReadonlySet<number> {
  const parentheses = readParentheses(tokens);
  const places = new Set<number>();
  for (const [index, token] of tokens.entries()) {
    const inside = token.kind === 'word' ? parentheses.get(index + 1) : undefined;
    const name = token.text.toLowerCase();
    if (!inside || inside.hasInnerWord || !signatureOf(name, dialect)) continue;
    // MySQL joins the arguments of GROUP_CONCAT, which the parser writes out.
    const isWrittenOut = dialect === 'mysql' && name === 'group_concat' && inside.end > index + 2;
    if (readByParser.has(name) || isWrittenOut || isNamedElsewhere(tokens, index, inside)) continue;
    places.add(index);
  }
  return places;
}

/** In one pass, since calls stand in calls. Words inside brackets and braces belong to what stands there. */
function readParentheses(tokens: readonly Token[]): ReadonlyMap<number, Parentheses> {
  const found = new Map<number, Parentheses>();
  const open: { readonly at: number; hasInnerWord: boolean }[] = [];
  const close = (end: number) => {
    const top = open.pop();
    if (top) found.set(top.at, { end, hasInnerWord: top.hasInnerWord, within: wordBefore(tokens, open.at(-1)?.at) });
  };
  for (const [at, { kind, text }] of tokens.entries()) {
    const top = open.at(-1);
    if (kind === 'symbol' && '([{'.includes(text)) open.push({ at, hasInnerWord: false });
    else if (kind === 'symbol' && ')]}'.includes(text)) close(at);
    else if (top && (kind === 'word' || text === ':' || text === '*') && isInnerWord(tokens, at))
      top.hasInnerWord = true;
  }
  while (open.length > 0) close(tokens.length);
  return found;
}

/** A word of a grammar stands behind an argument, or before all of them; anywhere else it is a name: `LENGTH(value)`. */
function isInnerWord(tokens: readonly Token[], at: number): boolean {
  const text = tokens[at]?.text.toLowerCase() ?? '';
  const before = tokens[at - 1];
  if (text === '*') return before?.text === '(';
  if (leadingWords.has(text)) return before?.text === '(';
  return innerWords.has(text) && endsArgument(before);
}

function endsArgument(token: Token | undefined): boolean {
  if (token?.kind === 'symbol') return [')', ']', '}', '*'].includes(token.text);
  return token?.kind !== 'word' || !operatorWords.has(token.text.toLowerCase());
}

function wordBefore(tokens: readonly Token[], at: number | undefined): string {
  return at === undefined ? '' : (tokens[at - 1]?.text.toLowerCase() ?? '');
}

/** An alias, a type, a table or a member of something else is written like a call: `AS date(a)`, `::char(3)`, `a.date(b)`. */
function isNamedElsewhere(tokens: readonly Token[], index: number, inside: Parentheses): boolean {
  const before = tokens[index - 1];
  if (before && (before.kind === 'quoted' || [')', '.', '::', 'as'].includes(before.text.toLowerCase()))) return true;
  const [next, afterNext] = [tokens[inside.end + 1]?.text.toLowerCase(), tokens[inside.end + 2]?.text.toLowerCase()];
  // `WITH left(a) AS (SELECT …)`
  if (next === 'as' && ['(', 'materialized', 'not'].includes(afterNext ?? '')) return true;
  // `NTH_VALUE(a, 2) FROM LAST OVER (…)`
  if (next === 'from' && (afterNext === 'first' || afterNext === 'last')) return true;
  // `CONVERT(x, CHAR(3))`
  const isType = typeNames.has(tokens[index]?.text.toLowerCase() ?? '') && before?.text === ',' && next === ')';
  return isType && inside.within === 'convert';
}
