import type { ComparisonOperator, PlanExpression } from '@hybridstore/contracts';
import {
  allOf,
  cast,
  choose,
  compare,
  compareNumbers,
  type DocumentNumber,
  documentNumber,
  exactNumberType,
  isNull,
  tryCast,
} from '@hybridstore/plan';
import { isDecimal, isInteger, jsonText, type Typed } from './types.ts';

/** Integers up to this have a double of their own. */
const exactDoubleMax = 2 ** 53 - 1;

/**
 * The numbers of two values of which one is a document's; undefined where doubles are all that there is to compare by, or
 * one is no number.
 */
export function exactNumbersOf(left: Typed, right: Typed): readonly [DocumentNumber, DocumentNumber] | undefined {
  if (left.type !== 'json' && right.type !== 'json') return undefined;
  const scale = Math.max(decimalScale(left.type), decimalScale(right.type));
  const [first, second] = [exactNumberOf(left, scale), exactNumberOf(right, scale)];
  return first && second ? [first, second] : undefined;
}

function exactNumberOf(value: Typed, scale: number): DocumentNumber | undefined {
  if (value.type === 'json') return documentNumber(jsonText(value), scale);
  if (!isInteger(value.type) && !isDecimal(value.type)) return undefined;
  return isSmallInteger(value)
    ? undefined
    : { near: cast(value.node, 'double'), exact: tryCast(value.node, exactNumberType(scale)) };
}

function decimalScale(type: string): number {
  return Number(/^decimal\(\d+,(\d+)\)$/.exec(type)?.[1] ?? 0);
}

/** Of a statement, or bound: what is bound as an integer is one that JavaScript keeps. */
function isSmallInteger({ node, type }: Typed): boolean {
  if (node.kind === 'parameter') return isInteger(type);
  if (node.kind !== 'literal' || node.value === null || !isInteger(type)) return false;
  return Math.abs(Number(node.value)) <= exactDoubleMax;
}

/** Two JSON values are compared as numbers where both are, else as text. */
export function compareDocuments(left: Typed, right: Typed, operator: ComparisonOperator): PlanExpression {
  const [leftText, rightText] = [jsonText(left), jsonText(right)];
  const [leftNumber, rightNumber] = [documentNumber(leftText), documentNumber(rightText)];
  const areNumbers = allOf([isNull(leftNumber.near, true), isNull(rightNumber.near, true)]);
  const asText = compare(operator, leftText, rightText);
  return areNumbers ? choose(areNumbers, compareNumbers(operator, leftNumber, rightNumber), asText) : asText;
}
