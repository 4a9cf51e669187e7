import type { Dialect } from '@hybridstore/contracts';
import { positionAt, refuseSql } from './refusal.ts';

/**
 * A light reader of tokens. It decides nothing about meaning: it finds the bounds of strings, comments and words, so that
 * the text can be normalized for the plan cache, parameters counted, and places named in messages.
 */
export type Token = {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'parameter' | 'symbol';
  readonly text: string;
  readonly start: number;
  readonly end: number;
};

export function readTokens(text: string, dialect: Dialect): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const afterGap = skipGap(text, at, dialect);
    if (afterGap > at) {
      at = afterGap;
      continue;
    }
    const token = readToken(text, at, dialect);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** Past white space and comments. MySQL runs what stands in `/*! … *​/`, so such a comment is refused there. */
function skipGap(text: string, at: number, dialect: Dialect): number {
  const space = /\s+/y;
  space.lastIndex = at;
  if (space.test(text)) return space.lastIndex;
  const isLineComment = text.startsWith('--', at) || (dialect === 'mysql' && text[at] === '#');
  if (isLineComment) {
    const end = text.indexOf('\n', at);
    return end < 0 ? text.length : end + 1;
  }
  if (!text.startsWith('/*', at)) return at;
  if (dialect === 'mysql' && text[at + 2] === '!')
    throw refuseSql('comments that MySQL executes (/*! … */) are not supported', positionAt(text, at));
  return skipBlockComment(text, at, dialect);
}

function skipBlockComment(text: string, start: number, dialect: Dialect): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('/*', at) && (depth === 0 || dialect !== 'mysql')) {
      depth += 1;
      at += 1;
    } else if (text.startsWith('*/', at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  throw refuseSql('a comment is not closed', positionAt(text, start));
}

const patterns = {
  word: /[\p{L}_@][\p{L}\p{N}_$]*/uy,
  number: /(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y,
  parameter: /\?|\$\d+|:[A-Za-z_]\w*/y,
  dollarQuote: /\$([A-Za-z_]\w*)?\$/y,
  symbol: /::|:=|->>|->|#>>|#>|<=>|<>|!=|>=|<=|\|\||&&|<<|>>|\/\/|\*\*|[^\s]/uy,
};

function readToken(text: string, at: number, dialect: Dialect): Token {
  const token = (kind: Token['kind'], end: number): Token => ({ kind, text: text.slice(at, end), start: at, end });
  const char = text[at] ?? '';
  if (char === "'") return token('text', closeQuote(text, at + 1, "'", usesBackslash(text, at, dialect)));
  if (char === '"')
    return token(dialect === 'mysql' ? 'text' : 'quoted', closeQuote(text, at + 1, '"', dialect === 'mysql'));
  if (char === '`') return token('quoted', closeQuote(text, at + 1, '`', false));
  if (char === '$' && dialect !== 'mysql') {
    const opening = match(patterns.dollarQuote, text, at);
    if (opening !== undefined) return token('text', closeDollarQuote(text, at, opening));
  }
  for (const kind of ['word', 'number', 'parameter', 'symbol'] as const) {
    if (kind === 'parameter' && (text.startsWith('::', at) || text.startsWith(':=', at))) continue;
    const found = match(patterns[kind], text, at);
    if (found !== undefined) return token(kind, at + found.length);
  }
  return token('symbol', at + 1);
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** MySQL always reads backslashes in texts; PostgreSQL only in E'…'. */
function usesBackslash(text: string, at: number, dialect: Dialect): boolean {
  if (dialect === 'mysql') return true;
  return /[eE]/.test(text[at - 1] ?? '') && !/[\p{L}\p{N}_]/u.test(text[at - 2] ?? ' ');
}

function closeQuote(text: string, from: number, quote: string, backslash: boolean): number {
  for (let at = from; at < text.length; at += 1) {
    if (backslash && text[at] === '\\') at += 1;
    else if (text[at] === quote && text[at + 1] === quote) at += 1;
    else if (text[at] === quote) return at + 1;
  }
  throw refuseSql(`a quotation that begins with ${quote} is not closed`, positionAt(text, from - 1));
}

function closeDollarQuote(text: string, at: number, opening: string): number {
  const end = text.indexOf(opening, at + opening.length);
  if (end < 0) throw refuseSql(`a quotation that begins with ${opening} is not closed`, positionAt(text, at));
  return end + opening.length;
}

/** Tokens joined by one space: the same for texts that differ only in white space and comments. */
export function normalizeText(tokens: readonly Token[]): string {
  return tokens.map((token) => token.text).join(' ');
}
