import type { Dialect } from '@hybridstore/contracts';
import { parse } from '@polyglot-sql/sdk';
import { withOwnNames } from '../syntax/masked-names.ts';
import { operandCall, type PreparedText, prepareText } from '../syntax/prepared-text.ts';
import { refuseSql } from '../syntax/refusal.ts';
import { isNode, kindOf, type SyntaxNode, words } from '../syntax/syntax-tree.ts';
import { describeSyntaxError, wordAt } from './syntax-errors.ts';

const queryKinds = new Set(['select', 'union', 'intersect', 'except', 'subquery', 'values', 'paren', 'annotated']);

export type ParsedText = { readonly prepared: PreparedText; readonly tree: SyntaxNode };

/** The syntax tree of one query, or `invalid_request` with the place. Statements that are not queries are refused by name. */
export function parseText(original: string, dialect: Dialect): ParsedText {
  const prepared = prepareText(original, dialect);
  const result = readTree(prepared.text, dialect);
  if (!result.success) throw syntaxError(original, prepared, result);
  const statements: unknown = result.ast;
  if (!Array.isArray(statements) || statements.length !== 1 || !isNode(statements[0]))
    throw refuseSql('expected exactly one statement', undefined, { expected: 'one statement' });
  const named = withOwnNames(statements[0], prepared.maskedNames);
  const tree = prepared.hasOperandCalls ? withoutOperandCalls(named) : named;
  if (!queryKinds.has(kindOf(tree))) throw notAQuery(prepared, tree);
  return { prepared, tree };
}

/** The tree without the calls that stand around operands (`operand-queries.ts`). */
function withoutOperandCalls<T>(value: T): T;
function withoutOperandCalls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOperandCalls);
  if (!isNode(value)) return value;
  const call = value['function'];
  if (isNode(call) && call['name'] === operandCall && Array.isArray(call['args']))
    return withoutOperandCalls(call['args'][0]);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutOperandCalls(inner)]));
}

type ParseOutcome = { success: boolean; ast?: unknown; error?: unknown; errorLine?: unknown; errorColumn?: unknown };

function readTree(text: string, dialect: Dialect): ParseOutcome {
  return parse(text, dialect as Parameters<typeof parse>[1]) as ParseOutcome; // the package's enum has these very names
}

function syntaxError(original: string, prepared: PreparedText, result: ParseOutcome) {
  const message = String(result.error ?? 'not understood');
  const place = /at line (\d+), column (\d+)/.exec(message);
  const reason = message.replace(/^.*?column \d+:\s*/, '').slice(0, 300);
  if (/stack|GUARD|recursion/i.test(message))
    return refuseSql('the statement is nested too deeply or too long', undefined, { expected: 'a smaller statement' });
  if (!place) return refuseSql(describeSyntaxError(reason, undefined), undefined, { expected: 'SQL' });
  // The parser's column is the end of the token; lines are the same in both texts.
  const lines = prepared.text.split('\n').slice(0, Number(place[1]) - 1);
  const codePoint = lines.reduce((sum, line) => sum + [...line].length + 1, 0) + Math.max(0, Number(place[2]) - 2);
  const position = prepared.positionOf(codePoint);
  const near = position && wordAt(original, position.offset);
  return refuseSql(describeSyntaxError(reason, near), position, { expected: 'SQL' });
}

function notAQuery(prepared: PreparedText, tree: SyntaxNode) {
  const first = prepared.tokens[0]?.text.toUpperCase() ?? words(kindOf(tree));
  return refuseSql(`expected a SELECT statement, found ${first.slice(0, 50)}`, prepared.callOf(first), {
    expected: 'SELECT, WITH or VALUES',
  });
}
