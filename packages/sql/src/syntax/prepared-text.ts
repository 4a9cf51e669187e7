import type { Dialect } from '@hybridstore/contracts';
import { signatureOf } from './function-signatures.ts';
import { readTokens, type Token } from './lexer.ts';
import { type Position, positionAt, refuseSql } from './refusal.ts';

/**
 * The statement as the parser gets it. Four things are rewritten, because the parser would lose them: `?` becomes a
 * numbered parameter, DuckDB's `//` becomes DIV, the backslash of MySQL's `\\%` and `\\_` is doubled (both characters stay in
 * the text, for LIKE to read), and calls of functions get private names: the parser merges some although they differ
 * (`LENGTH` counts bytes in MySQL, `CHAR_LENGTH` characters), and drops or refuses arguments of others by what other systems
 * take. Places in the rewritten text map back to the original.
 */
export type PreparedText = {
  readonly original: string;
  readonly text: string;
  readonly tokens: readonly Token[];
  /** How many `?` there are. */
  readonly questionMarks: number;
  /** The original place of a code point of the rewritten text. */
  readonly positionOf: (codePoint: number) => Position;
  /** The first place where a function of this name is called. */
  readonly callOf: (name: string) => Position | undefined;
};

export const maskPrefix = 'hs_fn_';
/** Its `*` and its rows of values are for the parser to read. */
const readByParser = new Set(['count', 'row', 'unnest']);
/** Types, which a cast names with a length behind: `CAST(x AS CHAR(3))`, `CONVERT(x, CHAR(3))`. */
const typeNames = new Set(['char', 'date', 'time', 'year']);
/** Words between arguments that only a grammar of the function's own understands: `TRIM(LEADING 'x' FROM a)`. */
const innerWords = new Set([
  ...[
    'from',
    'for',
    'in',
    'leading',
    'trailing',
    'both',
    'order',
    'separator',
    'ignore',
    'respect',
    'using',
    'as',
    'limit',
  ],
  ...['value', 'returning', 'on', 'passing', 'key', ':', '*'],
]);

type Edit = { readonly start: number; readonly end: number; readonly text: string };

export function prepareText(original: string, dialect: Dialect): PreparedText {
  if (original.includes('\0'))
    throw refuseSql('the statement holds a NUL character', positionAt(original, original.indexOf('\0')));
  const tokens = readTokens(original, dialect);
  requireOneStatement(tokens, original);
  const edits: Edit[] = [];
  let questionMarks = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text.toLowerCase().startsWith(maskPrefix))
      throw refuseSql(`the name ${token.text} is reserved`, positionAt(original, token.start));
    if (token.kind === 'parameter' && token.text === '?') {
      questionMarks += 1;
      edits.push({ start: token.start, end: token.end, text: `$${questionMarks}` });
    } else if (token.text === '//' && dialect === 'duckdb') {
      edits.push({ start: token.start, end: token.end, text: ' DIV ' });
    } else if (token.kind === 'text' && dialect === 'mysql') {
      edits.push(...keepWildcardEscapes(token));
    } else if (isPlainCall(tokens, index, dialect)) {
      edits.push({ start: token.start, end: token.start, text: maskPrefix });
    }
  }
  const text = applyEdits(original, edits);
  return {
    original,
    text,
    tokens,
    questionMarks,
    positionOf: (codePoint) => positionAt(original, originalOffset(utf16Offset(text, codePoint), edits)),
    callOf: (name) => callPosition(name, tokens, original),
  };
}

function keepWildcardEscapes(token: Token): readonly Edit[] {
  return [...token.text.matchAll(/\\(.)/gs)]
    .filter(([, escaped]) => escaped === '%' || escaped === '_')
    .map(({ index }) => ({ start: token.start + index, end: token.start + index, text: '\\' }));
}

/** A call of a known function whose parentheses hold nothing but arguments and commas. */
function isPlainCall(tokens: readonly Token[], index: number, dialect: Dialect): boolean {
  const token = tokens[index];
  const name = token?.text.toLowerCase() ?? '';
  if (token?.kind !== 'word' || tokens[index + 1]?.text !== '(') return false;
  // MySQL joins the arguments of GROUP_CONCAT, which the parser writes out.
  if (dialect === 'mysql' && name === 'group_concat') return tokens[index + 2]?.text === ')';
  if (readByParser.has(name) || !signatureOf(name, dialect) || isNamedElsewhere(tokens, index)) return false;
  const end = closingPlace(tokens, index + 1);
  // `WITH left(a) AS (SELECT …)` names a table.
  if (tokens[end + 1]?.text.toLowerCase() === 'as' && isOpening(tokens[end + 2])) return false;
  return !hasInnerWord(tokens, index + 1, end);
}

function isOpening(token: Token | undefined): boolean {
  return token?.text === '(' || token?.text.toLowerCase() === 'materialized' || token?.text.toLowerCase() === 'not';
}

/** An alias, a type or a member of something else is called like a function: `AS date(a)`, `::char(3)`, `a.date(b)`. */
function isNamedElsewhere(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1];
  if (!before) return false;
  if (before.kind === 'quoted' || [')', '.', '::', 'as'].includes(before.text.toLowerCase())) return true;
  const isLast = tokens[closingPlace(tokens, index + 1) + 1]?.text === ')';
  return (
    typeNames.has(tokens[index]?.text.toLowerCase() ?? '') &&
    before.text === ',' &&
    isLast &&
    isConverted(tokens, index)
  );
}

/** `CONVERT(x, CHAR(3))`. */
function isConverted(tokens: readonly Token[], index: number): boolean {
  let depth = 0;
  for (let at = index - 1; at > 0; at -= 1) {
    if (tokens[at]?.text === ')') depth += 1;
    if (tokens[at]?.text === '(') depth -= 1;
    if (depth < 0) return tokens[at - 1]?.text.toLowerCase() === 'convert';
  }
  return false;
}

/** The place of the parenthesis that closes the one at `opening`; behind the last token where none does. */
function closingPlace(tokens: readonly Token[], opening: number): number {
  let depth = 0;
  for (let at = opening; at < tokens.length; at += 1) {
    if (tokens[at]?.text === '(') depth += 1;
    if (tokens[at]?.text === ')') depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}

/** Words inside nested parentheses, brackets, braces and CASE belong to what stands there. */
function hasInnerWord(tokens: readonly Token[], opening: number, end: number): boolean {
  let depth = 0;
  for (let at = opening; at < end; at += 1) {
    const { kind, text } = tokens[at] ?? { kind: 'symbol', text: '' };
    if (kind === 'symbol' && '([{'.includes(text)) depth += 1;
    else if (kind === 'symbol' && ')]}'.includes(text)) depth -= 1;
    else if (depth === 1 && (kind === 'word' || text === ':') && innerWords.has(text.toLowerCase())) return true;
  }
  return false;
}

function requireOneStatement(tokens: readonly Token[], text: string): void {
  const first = tokens.findIndex((token) => token.text === ';');
  const next = first < 0 ? undefined : tokens.slice(first).find((token) => token.text !== ';');
  if (next)
    throw refuseSql('expected exactly one statement', positionAt(text, next.start), { expected: 'one statement' });
  if (tokens.every((token) => token.text === ';'))
    throw refuseSql('expected a SELECT statement, found nothing', undefined, { expected: 'SELECT' });
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of edits) {
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  return parts.join('') + text.slice(at);
}

function originalOffset(offset: number, edits: readonly Edit[]): number {
  let shift = 0;
  for (const edit of edits) {
    if (edit.start + shift >= offset) break;
    shift += edit.text.length - (edit.end - edit.start);
  }
  return Math.max(0, offset - shift);
}

/** The parser counts code points, JavaScript UTF-16 units. */
function utf16Offset(text: string, codePoint: number): number {
  let offset = 0;
  for (let count = 0; count < codePoint && offset < text.length; count += 1) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

function callPosition(name: string, tokens: readonly Token[], original: string): Position | undefined {
  const lower = name.toLowerCase();
  const index = tokens.findIndex(
    (token, place) => token.text.toLowerCase() === lower && tokens[place + 1]?.text === '(',
  );
  const found = tokens[index] ?? tokens.find((token) => token.text.toLowerCase() === lower);
  return found ? positionAt(original, found.start) : undefined;
}
