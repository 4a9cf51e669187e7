import type { Token } from './lexer.ts';

/**
 * Queries that are operands before a set operation:
 *
 *     SELECT a FROM t WHERE a = (SELECT 1) UNION SELECT b FROM u
 *
 * The parser takes everything from the parenthesis on for the operand, `a = ((SELECT 1) UNION SELECT b FROM u)`. In a call
 * the query ends where its parenthesis does, so the parser gets `a = call((SELECT 1)) UNION …`, and the tree loses the call
 * again. Left out: where a query stands by itself (another set operation, FROM, IN, EXISTS) the parser reads it rightly.
 */
export function findOperandQueries(
  tokens: readonly Token[],
): readonly { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = [];
  const open: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.text === '(') open.push(index);
    if (token.text !== ')') continue;
    const from = open.pop();
    if (from === undefined || !setOperations.has(wordAt(tokens, index + 1))) continue;
    if (beginsQuery(tokens, from) && isOperand(tokens, from))
      found.push({ start: tokens[from]?.start ?? 0, end: token.end });
  }
  return found;
}

const setOperations = new Set(['union', 'intersect', 'except', 'minus']);
const queryWords = new Set(['select', 'with', 'values', 'from']);
/** Words behind which a value is expected. */
const beforeOperand = new Set(
  'select where having qualify on and or xor not when then else between like ilike rlike regexp div mod by'.split(' '),
);
const clauses = new Set(['select', 'from', 'join', 'where', 'having', 'qualify', 'on', 'by', ...setOperations]);

function beginsQuery(tokens: readonly Token[], from: number): boolean {
  let at = from;
  while (tokens[at]?.text === '(') at += 1;
  return queryWords.has(wordAt(tokens, at));
}

function isOperand(tokens: readonly Token[], from: number): boolean {
  const before = tokens[from - 1];
  if (!before) return false;
  if (before.text === ',') return !lists.has(clauseBefore(tokens, from));
  if (before.kind === 'symbol') return before.text !== '(' && before.text !== ')' && before.text !== ';';
  const word = wordAt(tokens, from - 1);
  return beforeOperand.has(word) || (word === 'distinct' && wordAt(tokens, from - 2) === 'select');
}

/** Clauses whose commas stand between tables. */
const lists = new Set(['from', 'join', 'on', '']);

/** The clause that a place stands in, within its own parentheses. */
function clauseBefore(tokens: readonly Token[], from: number): string {
  let depth = 0;
  for (let at = from - 1; at >= 0 && depth >= 0; at -= 1) {
    if (tokens[at]?.text === ')') depth += 1;
    if (tokens[at]?.text === '(') depth -= 1;
    const word = wordAt(tokens, at);
    if (depth === 0 && clauses.has(word) && tokens[at - 1]?.text !== '.') return word;
  }
  return '';
}

function wordAt(tokens: readonly Token[], at: number): string {
  const token = tokens[at];
  return token?.kind === 'word' ? token.text.toLowerCase() : '';
}
