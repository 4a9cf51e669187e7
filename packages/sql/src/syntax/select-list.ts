import type { Token } from './lexer.ts';
import { kindOf, type SyntaxNode } from './syntax-tree.ts';

/** The block whose columns are the answer's, and how the statement writes each of its outputs. */
export type SelectList = { readonly select: SyntaxNode; readonly texts: readonly string[] };

/** Words that end a list of outputs where they stand outside parentheses. */
const ends = new Set(
  'from where group having qualify window order limit offset fetch for into union intersect except minus'.split(' '),
);
const opening = new Set(['(', '[', '{']);
const closing = new Set([')', ']', '}']);
const nameCharactersMax = 200;

/**
 * The first block of a statement that is not inside another one. The parser keeps no text of expressions, so the outputs
 * are cut from the tokens; undefined where the two do not come to the same number of them.
 */
export function outermostSelectList(tree: SyntaxNode, tokens: readonly Token[]): SelectList | undefined {
  const select = outermostSelect(tree);
  if (!select) return undefined;
  const { expressions } = select['select'] as { readonly expressions?: readonly unknown[] }; // the parser's SELECT holds a list
  const texts = splitOutputs(tokens).map(textOf);
  return texts.length === expressions?.length ? { select, texts } : undefined;
}

function outermostSelect(tree: SyntaxNode): SyntaxNode | undefined {
  const kind = kindOf(tree);
  if (kind === 'select') return tree;
  const inner = (tree[kind] ?? {}) as { readonly this?: SyntaxNode; readonly left?: SyntaxNode }; // tagged nodes hold an object
  const next = inner.left ?? inner.this;
  return next && wrappers.has(kind) ? outermostSelect(next) : undefined;
}

const wrappers = new Set(['annotated', 'paren', 'subquery', 'union', 'intersect', 'except']);

function splitOutputs(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const outputs: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(firstOutput(tokens))) {
    if (depth === 0 && isEnd(token, outputs.at(-1)?.at(-1))) break;
    if (opening.has(token.text)) depth += 1;
    if (closing.has(token.text)) depth -= 1;
    if (depth < 0) break;
    if (depth === 0 && token.text === ',') outputs.push([]);
    else outputs.at(-1)?.push(token);
  }
  return outputs;
}

/** Behind SELECT, past WITH (whose own blocks are in parentheses) and DISTINCT. */
function firstOutput(tokens: readonly Token[]): number {
  let at = tokens.findIndex((token) => token.text !== '(');
  const base = at;
  for (let depth = base; at >= 0 && at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token && opening.has(token.text)) depth += 1;
    if (token && closing.has(token.text)) depth -= 1;
    if (depth === base && isWord(token, 'select')) break;
  }
  at += 1;
  if (isWord(tokens[at], 'all')) return at + 1;
  if (!isWord(tokens[at], 'distinct')) return at;
  return isWord(tokens[at + 1], 'on') ? behindParentheses(tokens, at + 2) : at + 1;
}

function behindParentheses(tokens: readonly Token[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at += 1) {
    if (tokens[at]?.text === '(') depth += 1;
    if (tokens[at]?.text === ')') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return tokens.length;
}

/** `a IS DISTINCT FROM b` goes on, and so does a column that is named like a clause: `t.limit`. */
function isEnd(token: Token, before: Token | undefined): boolean {
  if (token.text === ';') return true;
  if (token.kind !== 'word' || before?.text === '.') return false;
  const word = token.text.toLowerCase();
  return ends.has(word) && !(word === 'from' && isWord(before, 'distinct'));
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toLowerCase() === word;
}

/** As written, but for white space and comments: texts that share a plan of the cache must share their names too. */
function textOf(tokens: readonly Token[]): string {
  let text = '';
  for (const [index, token] of tokens.entries())
    text += isTight(tokens[index - 1], token, tokens[index - 2]) ? token.text : ` ${token.text}`;
  return text.slice(0, nameCharactersMax);
}

/** Brackets, dots and casts stand close, a sign before its number too; everything else is apart. */
function isTight(before: Token | undefined, token: Token, second: Token | undefined): boolean {
  if (!before) return true;
  if (token.text === '(') return before.kind === 'word' && !operatorWords.has(before.text.toLowerCase());
  if (tightAfter.has(token.text) || tightBefore.has(before.text)) return true;
  const isSign = before.text === '-' || before.text === '+' || before.text === '~' || before.text === '!';
  return isSign && (second === undefined || (second.kind === 'symbol' && !closing.has(second.text)));
}

const tightAfter = new Set([')', '[', ']', ',', '.', '::']);
const tightBefore = new Set(['(', '[', '.', '::']);
const operatorWords = new Set(
  'and or not in is like ilike rlike regexp between case when then else end as over filter by exists any all some'.split(
    ' ',
  ),
);
