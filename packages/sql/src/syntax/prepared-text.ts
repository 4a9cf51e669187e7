import type { Dialect } from '@hybridstore/contracts';
import { readJsonTables } from './json-table-text.ts';
import { readTokens, type Token } from './lexer.ts';
import { maskName } from './masked-names.ts';
import { findOperandQueries } from './operand-queries.ts';
import { plainCalls } from './plain-calls.ts';
import { type Position, positionAt, positionLater, refuseSql } from './refusal.ts';

/**
 * The statement as the parser gets it. Nine things are rewritten, because the parser would lose them: `?` becomes a
 * numbered parameter, DuckDB's `//` becomes DIV, the backslash of MySQL's `\\%` and `\\_` is doubled (both characters stay in
 * the text, for LIKE to read), MySQL's `CONVERT(x, type)` becomes `CAST(x AS type)`, a query that is an operand before a set operation stands in a call, and calls of functions
 * get private names: the parser merges some although they differ (`LENGTH` counts bytes in MySQL, `CHAR_LENGTH` characters),
 * and drops or refuses arguments of others by what other systems take; quoted names that hold more than letters and
 * digits get private ones (`masked-names.ts`); a name before an arrow stands in a call; and columns
 * of `JSON_TABLE` lose what the parser does not know (`json-table-text.ts`). Places in the rewritten text map back to the original.
 */
export type PreparedText = {
  readonly original: string;
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Whether an operand got a call around it. */
  readonly hasOperandCalls: boolean;
  /** Names by the private ones that stand for them. */
  readonly maskedNames: ReadonlyMap<string, string>;
  /** How many `?` there are. */
  readonly questionMarks: number;
  /** The original place of a code point of the rewritten text. */
  /** The name of a call whose first argument stands at this place; the place itself, where there is none. */
  readonly callAround: (position: Position) => Position;
  readonly positionOf: (codePoint: number) => Position;
  /** The first place where a function of this name is called. */
  readonly callOf: (name: string) => Position | undefined;
  /** The first place of a text with this content. */
  readonly positionOfText: (content: string) => Position | undefined;
};

export const maskPrefix = 'hs_fn_';
/** The call around an operand. */
export const operandCall = `${maskPrefix}operand`;

type Edit = { readonly start: number; readonly end: number; readonly text: string };

export function prepareText(original: string, dialect: Dialect): PreparedText {
  if (original.includes('\0'))
    throw refuseSql('the statement holds a NUL character', positionAt(original, original.indexOf('\0')));
  const tokens = readTokens(original, dialect);
  requireOneStatement(tokens, original);
  const jsonTables = readJsonTables(tokens, original, dialect);
  const calls = plainCalls(tokens, dialect);
  const edits: Edit[] = [...jsonTables.edits];
  const maskedNames = new Map<string, string>();
  let questionMarks = 0;
  let hasArrowCalls = false;
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
    } else if (beginsArrow(tokens, index, dialect)) {
      const mask = maskName(token, dialect, maskedNames) ?? token.text;
      edits.push({ start: token.start, end: token.end, text: `${operandCall}(${mask})` });
      hasArrowCalls = true;
    } else if (token.kind === 'quoted') {
      const mask = maskName(token, dialect, maskedNames);
      if (mask !== undefined) edits.push({ start: token.start, end: token.end, text: mask });
    } else if (calls.has(index) && !jsonTables.isColumn(index)) {
      edits.push({ start: token.start, end: token.start, text: maskPrefix });
    }
  }
  if (dialect === 'mysql') edits.push(...castsOfConvert(tokens));
  const operands = findOperandQueries(tokens);
  for (const { start, end } of operands)
    edits.push({ start, end: start, text: `${operandCall}(` }, { start: end, end, text: ')' });
  edits.sort((a, b) => a.start - b.start);
  const text = applyEdits(original, edits);
  return {
    original,
    text,
    tokens,
    hasOperandCalls: operands.length > 0 || hasArrowCalls,
    maskedNames,
    questionMarks,
    positionOf: (codePoint) =>
      positionLater(() => positionAt(original, originalOffset(utf16Offset(text, codePoint), edits))),
    callOf: (name) => callPosition(name, tokens, original),
    callAround: (position) => callAround(position, tokens, original),
    positionOfText: (content) => textPosition(content, tokens, original),
  };
}

/** `CONVERT(x, type)` is a cast in other words; `CONVERT(x USING utf8mb4)` is not. */
function castsOfConvert(tokens: readonly Token[]): readonly Edit[] {
  return tokens.flatMap((token, index) => {
    if (token.kind !== 'word' || token.text.toLowerCase() !== 'convert' || tokens[index + 1]?.text !== '(') return [];
    const comma = onlyComma(tokens, index + 2);
    if (!comma) return [];
    return [
      { start: token.start, end: token.end, text: 'CAST' },
      { start: comma.start, end: comma.end, text: ' AS ' },
    ];
  });
}

/** The comma between two arguments, the first of which begins here; undefined where there are more or fewer. */
function onlyComma(tokens: readonly Token[], from: number): Token | undefined {
  const commas: Token[] = [];
  let depth = 0;
  for (const token of tokens.slice(from)) {
    if (token.kind !== 'symbol') continue;
    if ('([{'.includes(token.text)) depth += 1;
    else if (')]}'.includes(token.text)) depth -= 1;
    else if (token.text === ',' && depth === 0) commas.push(token);
    if (depth < 0) break;
  }
  return commas.length === 1 ? commas[0] : undefined;
}

/** `f(doc->'a')`: the parser takes an arrow behind a bare name for a lambda, which only DuckDB's dialect has. In a call it is a value. */
function beginsArrow(tokens: readonly Token[], at: number, dialect: Dialect): boolean {
  const [before, token, next] = [tokens[at - 1], tokens[at], tokens[at + 1]];
  if (dialect === 'duckdb' || next?.text !== '->' || (token?.kind !== 'word' && token?.kind !== 'quoted')) return false;
  return before?.text === '(' || before?.text === ',';
}

function keepWildcardEscapes(token: Token): readonly Edit[] {
  return [...token.text.matchAll(/\\(.)/gs)]
    .filter(([, escaped]) => escaped === '%' || escaped === '_')
    .map(({ index }) => ({ start: token.start + index, end: token.start + index, text: '\\' }));
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

function textPosition(content: string, tokens: readonly Token[], original: string): Position | undefined {
  const found = tokens.find((token) => token.kind === 'text' && token.text.slice(1, -1) === content);
  return found && positionAt(original, found.start);
}

function callPosition(name: string, tokens: readonly Token[], original: string): Position | undefined {
  const lower = name.toLowerCase();
  const index = tokens.findIndex(
    (token, place) => token.text.toLowerCase() === lower && tokens[place + 1]?.text === '(',
  );
  const found = tokens[index] ?? tokens.find((token) => token.text.toLowerCase() === lower);
  return found ? positionAt(original, found.start) : undefined;
}

/** Of `name(` right before a place, the parser keeps no place of its own. */
function callAround(position: Position, tokens: readonly Token[], original: string): Position {
  const index = tokens.findIndex(({ start }) => start === position.offset);
  const [name, bracket] = [tokens[index - 2], tokens[index - 1]];
  return bracket?.text === '(' && name?.kind === 'word' ? positionAt(original, name.start) : position;
}
