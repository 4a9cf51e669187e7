import type { ArithmeticOperator, PlanExpression } from '@hybridstore/contracts';
import {
  call,
  cast,
  choose,
  compare,
  integer,
  isNull,
  literal,
  logic,
  arithmetic as operation,
  planErrors,
  text,
} from '@hybridstore/plan';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BindSite, bindField } from './bind-site.ts';
import type { BindContext } from './context.ts';
import { isNumberText, refuseText } from './literal-texts.ts';
import { moment as asMoment } from './moment-text.ts';
import { leadingNumber } from './mysql-casts.ts';
import { isBoundText } from './parameter-values.ts';
import { exactQuotient, numericQuotient } from './quotients.ts';
import {
  bitsAsNumber,
  decimalOf,
  exactScale,
  isDecimal,
  isFloating,
  isInteger,
  isNumber,
  isTemporal,
  isText,
  readJsonAs,
  shownType,
  type Typed,
  timeType,
  typed,
} from './types.ts';
import { unsignedComplement, unsignedOperation, unsignedShift } from './unsigned-bits.ts';

/** `+`, `-`, `*` over numbers, and over dates and intervals. Chains of one operator stay flat. */
export function arithmetic(site: BindSite, operator: 'add' | 'subtract' | 'multiply'): Typed {
  const { fields, scope, context } = site;
  const kind = fields.kind;
  let left: SyntaxNode = fields.required('left');
  const rights = [fields.required('right')];
  // The parser nests chains to the left; walking down that side needs no recursion.
  while (kindOf(left) === kind) {
    const inner = context.fields(left);
    left = inner.required('left');
    rights.push(inner.required('right'));
    inner.finish();
  }
  return rights
    .reverse()
    .map((node) => context.bind(node, scope))
    .reduce((sum, next) => combine(site, operator, [sum, next]), context.bind(left, scope));
}

function combine(site: BindSite, operator: 'add' | 'subtract' | 'multiply', sides: readonly [Typed, Typed]): Typed {
  const [left, right] = sides;
  if (left.type === 'interval' || right.type === 'interval') return withInterval(site, operator, left, right);
  if (isTemporal(left.type) || isTemporal(right.type)) return withDates(site, operator, left, right);
  const [first, second] = sides.map((side) => toNumber(side, site));
  if (!first || !second) throw site.fields.refuse(`${operator} takes two values`);
  const numbers = site.context.dialect === 'mysql' ? [widened(first, second), second] : [first, second];
  const [scaled, type, shownScale] = fittingScales(numbers, operator);
  const node = flat(
    operator,
    scaled.map((side) => side.node),
  );
  return shownScale === undefined ? typed(node, type) : { ...typed(node, type), shownScale };
}

/** Digits behind the point of a product with a quotient in it, beyond which it is one of doubles. */
const productScaleMax = 20;

/** The sides as they are reckoned with, the result's type, and for quotients the digits that it is shown in. */
function fittingScales(
  sides: readonly Typed[],
  operator: 'add' | 'subtract' | 'multiply',
): readonly [readonly Typed[], string, number | undefined] {
  const type = resultType(
    sides.map((side) => side.type),
    operator,
  );
  if (!isDecimal(type)) return [sides, type, undefined];
  if (sides.every((side) => side.shownScale === undefined)) {
    const isWithin = operator !== 'multiply' || (exactScale(type) ?? 0) < digitsMax;
    return isWithin ? [sides, type, undefined] : [sides.map(asDouble), 'double', undefined];
  }
  const scales = sides.map((side) => side.shownScale ?? exactScale(side.type) ?? 0);
  const sum = scales.reduce((one, other) => one + other, 0);
  const shownScale = operator === 'multiply' ? Math.min(sum, shownScaleMax) : Math.max(...scales);
  if (operator !== 'multiply' || (exactScale(type) ?? 0) <= productScaleMax) return [sides, type, shownScale];
  return [sides.map(asDouble), 'double', Math.min(shownScale, doubleScaleMax)];
}

function asDouble({ node }: Typed): Typed {
  return typed(cast(node, 'double'), 'double');
}

/** Behind the point of a decimal. */
const digitsMax = 38;
const shownScaleMax = 30;
const doubleScaleMax = 15;

/** MySQL reckons with 64 bits; the engine takes the width of its operands, and one wide operand is enough. */
function widened(value: Typed, other: Typed): Typed {
  if (!isInteger(value.type) || !isInteger(other.type) || value.node.kind === 'arithmetic') return value;
  const isNarrow = value.node.kind === 'literal' || !wideIntegers.has(value.type);
  const isSafe = isSmallLiteral(value.node) && isSmallLiteral(other.node);
  return isNarrow && !isSafe ? typed(cast(value.node, 'bigint'), 'bigint') : value;
}

/** Two of them come to no more than 31 bits, whatever is done with them. */
function isSmallLiteral(node: PlanExpression): boolean {
  return node.kind === 'literal' && Math.abs(Number(node.value)) <= 0x7fff;
}

const wideIntegers = new Set(['bigint', 'ubigint', 'hugeint']);

function flat(operator: ArithmeticOperator, operands: readonly PlanExpression[]): PlanExpression {
  const [first, ...rest] = operands;
  if (first?.kind === 'arithmetic' && first.operator === operator)
    return operation(operator, ...first.operands, ...rest);
  return operation(operator, ...operands);
}

/** JSON as a number; booleans count as 0 and 1 in MySQL; text only where the dialect converts it without a loss. */
export function toNumber(value: Typed, { fields, context }: BindSite): Typed {
  if (value.bits !== undefined) return bitsAsNumber(value);
  if (isTemporal(value.type) || value.type === 'time' || value.type === 'interval')
    throw fields.refuse(`expected a number, found a value of type ${shownType(value.type)}`, {
      expected: 'a number',
      actual: shownType(value.type),
    });
  if (value.type === 'json') return readJsonAs(value, 'double');
  if (value.type === 'boolean' && context.dialect === 'mysql') return typed(cast(value.node, 'integer'), 'integer');
  if (isBoundText(value)) return context.parameters.read(value, 'double');
  if (value.type === 'literal' && value.node.kind === 'literal') {
    const content = String(value.node.value);
    if (context.dialect !== 'duckdb' && !isNumberText(content)) throw refuseText(value, fields, context, 'a number');
    return numberOfText(value, content.trim());
  }
  if (value.type === 'string' && !context.options.isStrict && context.dialect === 'mysql')
    return typed(leadingNumber(value.node, context), 'double');
  if (value.type === 'string' && context.options.isStrict)
    throw fields.refuse('arithmetic with a text; cast it to a number', { expected: 'a number', actual: 'string' });
  return value;
}

function numberOfText(value: Typed, content: string): Typed {
  return /^-?\d{1,18}$/.test(content)
    ? typed(cast(value.node, 'bigint'), 'bigint')
    : typed(cast(value.node, 'double'), 'double');
}

function resultType(types: readonly string[], operator: ArithmeticOperator): string {
  if (types.some(isFloating)) return 'double';
  if (types.some((type) => !isNumber(type) && type !== 'null')) return 'unknown';
  const scales = types.map((type) => exactScale(type) ?? 0);
  if (types.some(isDecimal))
    return decimalOf(operator === 'multiply' ? scales.reduce((sum, scale) => sum + scale, 0) : Math.max(...scales));
  return types.includes('hugeint') ? 'hugeint' : 'bigint';
}

const dayUnits = new Set(['day', 'week', 'month', 'quarter', 'year']);

function withInterval(site: BindSite, operator: ArithmeticOperator, left: Typed, right: Typed): Typed {
  const isMysql = site.context.dialect === 'mysql';
  if (operator === 'multiply' && !isMysql) return typed(operation('multiply', left.node, right.node), 'interval');
  if (operator === 'multiply' || (isMysql && left.type === 'interval' && right.type === 'interval'))
    throw site.fields.refuse('expected a number, found an interval', { expected: 'a number', actual: 'interval' });
  if (left.type === 'interval' && right.type === 'interval')
    return typed(operation(operator, left.node, right.node), 'interval');
  const [moment, interval] = right.type === 'interval' ? [left, right] : [right, left];
  if (left.type === 'interval' && operator === 'subtract')
    throw site.fields.refuse('a date cannot be subtracted from an interval');
  return addInterval(site, moment, interval, operator === 'subtract');
}

/** In MySQL a date stays a date when whole days are added; elsewhere it becomes a timestamp. */
export function addInterval({ fields, context }: BindSite, moment: Typed, interval: Typed, isNegative: boolean): Typed {
  const isTime = (moment.type === 'interval' || moment.type === 'time') && context.dialect === 'mysql';
  if (isNumber(moment.type) || moment.type === 'boolean' || isTime)
    throw fields.refuse(`an interval is added to a date or a time, found a value of type ${moment.type}`, {
      expected: 'a date or a time',
      actual: moment.type,
    });
  const base = toMoment(moment, context);
  const plain = operation(isNegative ? 'subtract' : 'add', base.node, interval.node);
  const sum = context.dialect === 'mysql' && !isSmall(interval) ? withinYears(plain) : plain;
  const isDays = interval.node.kind === 'interval' && dayUnits.has(interval.node.unit);
  if (context.dialect === 'mysql' && base.type === 'date' && isDays) return typed(cast(sum, 'date'), 'date');
  return typed(sum, base.type === 'date' ? timeType(context.dialect) : base.type);
}

const smallAmountMax = 1_000;

/** A constant amount that leaves the years that MySQL has at their very ends alone. */
function isSmall({ node }: Typed): boolean {
  const value = node.kind === 'interval' && node.value.kind === 'literal' ? Number(node.value.value) : Number.NaN;
  return Math.abs(value) <= smallAmountMax;
}

/** MySQL has no day before the year 0 and after the year 9999. */
function withinYears(moment: PlanExpression): PlanExpression {
  const day = (text: string) => literal('timestamp', text);
  const isWithin = [
    compare('gte', moment, day('0000-01-01 00:00:00')),
    compare('lt', moment, day('10000-01-01 00:00:00')),
  ];
  return choose(logic('and', isWithin), moment);
}

/** A text or JSON value as a moment: a date when it is written as one, else a timestamp. */
function toMoment(value: Typed, context: BindContext): Typed {
  const read = context.boundMoment(value);
  const isDate = read.node.kind === 'literal' && /^\d{4}-\d\d-\d\d$/.test(String(read.node.value));
  return isDate && isText(read.type) ? typed(cast(read.node, 'date'), 'date') : asMoment(read);
}

function withDates({ fields, context }: BindSite, operator: ArithmeticOperator, left: Typed, right: Typed): Typed {
  if (context.dialect === 'mysql')
    throw fields.refuse(
      '+ and - of dates mean numbers like 20240131 in MySQL; use DATEDIFF, TIMESTAMPDIFF or INTERVAL',
      {
        expected: 'DATEDIFF, TIMESTAMPDIFF or INTERVAL',
      },
    );
  const [first, second] = [toMoment(left, context), isText(right.type) ? toMoment(right, context) : right];
  const node = operation(operator, first.node, second.node);
  if (operator === 'multiply') throw fields.refuse('a date cannot be multiplied');
  if (operator === 'subtract' && left.type === 'date' && right.type === 'date') return typed(node, 'bigint');
  if (operator === 'subtract' && isTemporal(left.type) && (isTemporal(right.type) || isText(right.type)))
    return typed(node, 'interval');
  return typed(node, left.type === 'date' || right.type === 'date' ? 'date' : left.type);
}

/**
 * `/` and DIV. MySQL: the quotient, exact where both are, null for a zero divisor; DIV truncates.
 * PostgreSQL: whole numbers divide to a whole number, and zero fails. DuckDB: the quotient as a double; `//` truncates.
 */
export function divide(site: BindSite, mode: 'quotient' | 'integer' = 'quotient'): Typed {
  const { fields, scope, context } = site;
  const names = mode === 'integer' ? ['this', 'expression'] : ['left', 'right'];
  const bound = names.map((name) => context.bind(fields.required(name), scope));
  const [left, right] = bound;
  if (!left || !right) throw fields.refuse('a division has two sides');
  if (left.type === 'interval' && context.dialect !== 'mysql')
    return typed(operation('divide', left.node, right.node), 'interval');
  const [a, b] = [toNumber(left, site), toNumber(right, site)];
  const areIntegers = isInteger(a.type) && isInteger(b.type);
  if (mode === 'integer') return wholeQuotient(a, b, areIntegers || context.dialect === 'duckdb');
  if (context.dialect === 'duckdb') return typed(operation('divide', a.node, b.node), 'double');
  if (context.dialect === 'mysql')
    return (
      (isText(left.type) || isText(right.type) ? undefined : exactQuotient(a, b)) ??
      typed(operation('divide', a.node, nullIfZero(b.node)), 'double')
    );
  if ([a, b].some((side) => !isNumber(side.type) && side.type !== 'null'))
    throw fields.refuse(
      'the type of a side of / is not known; cast it, since PostgreSQL divides whole numbers differently',
      {
        expected: 'a number',
      },
    );
  const exact = areIntegers ? undefined : numericQuotient(a, b);
  if (exact) return typed(failOnZero(a.node, b.node, exact.node), exact.type);
  const operator = areIntegers ? 'integer_divide' : 'divide';
  return typed(failOnZero(a.node, b.node, operation(operator, a.node, b.node)), areIntegers ? 'bigint' : 'double');
}

function wholeQuotient(a: Typed, b: Typed, areIntegers: boolean): Typed {
  if (areIntegers) return typed(operation('integer_divide', a.node, b.node), 'bigint');
  return typed(cast(call('trunc', operation('divide', a.node, nullIfZero(b.node))), 'bigint'), 'bigint');
}

function isPresent(node: PlanExpression): boolean {
  return node.kind === 'literal' && node.value !== null;
}

function isNonzeroLiteral(node: PlanExpression): boolean {
  return node.kind === 'literal' && node.value !== null && Number(node.value) !== 0;
}

function nullIfZero(divisor: PlanExpression): PlanExpression {
  return isNonzeroLiteral(divisor) ? divisor : call('nullif', divisor, integer(0));
}

/** A null divided by zero is null. */
function failOnZero(dividend: PlanExpression, divisor: PlanExpression, quotient: PlanExpression): PlanExpression {
  if (isNonzeroLiteral(divisor)) return quotient;
  const isZero = compare('eq', divisor, integer(0));
  const isWrong = isPresent(dividend) ? isZero : logic('and', [isNull(dividend, true), isZero]);
  return choose(isWrong, call('error', text(planErrors.divisionByZero)), quotient);
}

export function modulo(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const names = fields.kind === 'mod_func' ? ['this', 'expression'] : ['left', 'right'];
  const [a, b] = names.map((name) => toNumber(context.bind(fields.required(name), scope), site));
  if (!a || !b) throw fields.refuse('MOD takes two values');
  return remainder(a, b, site);
}

export function remainder(a: Typed, b: Typed, { fields, context }: BindSite): Typed {
  if (context.dialect === 'postgresql' && (isFloating(a.type) || isFloating(b.type)))
    throw fields.refuse('% of doubles; cast them to numeric', { expected: 'whole or exact numbers' });
  const type = resultType([a.type, b.type], 'modulo');
  const divisor = context.dialect === 'mysql' && !isInteger(type) ? nullIfZero(b.node) : b.node;
  const rest = operation('modulo', a.node, divisor);
  const node = context.dialect === 'postgresql' ? failOnZero(a.node, b.node, rest) : rest;
  if (a.shownScale === undefined && b.shownScale === undefined) return typed(node, type);
  const scales = [a, b].map((side) => side.shownScale ?? exactScale(side.type) ?? 0);
  return { ...typed(node, type), shownScale: Math.max(...scales) };
}

/** Bits of whole numbers, and powers, which some dialects write as `^`. */
export function bitwise(site: BindSite, operator: ArithmeticOperator): Typed {
  const { fields, scope, context } = site;
  const names = operator === 'power' ? ['this', 'expression'] : ['left', 'right'];
  const sides = names.map((name) => toNumber(context.bind(fields.required(name), scope), site));
  if (operator === 'power') return typed(operation('power', ...sides.map((side) => side.node)), 'double');
  const [left, right] = sides;
  if (context.dialect === 'mysql' && left && right)
    return operator === 'shift_left' || operator === 'shift_right'
      ? unsignedShift(operator, left, right)
      : unsignedOperation(operator as 'bit_and' | 'bit_or' | 'bit_xor', sides); // power is bound above
  const whole = sides.map((side) => (isInteger(side.type) ? side.node : cast(side.node, 'bigint')));
  return typed(operation(operator, ...whole), 'bigint');
}

/** `~`: MySQL has 64 bits without a sign. */
export function bindComplement(site: BindSite): Typed {
  const value = toNumber(bindField(site, 'this'), site);
  if (site.context.dialect === 'mysql') return unsignedComplement(value);
  return typed(operation('bit_not', value.node), isInteger(value.type) ? value.type : 'bigint');
}

export function bindNegation(site: BindSite): Typed {
  const operand = bindField(site, 'this');
  const isNone = isTemporal(operand.type) || operand.type === 'time';
  const isRead = isNone || (isText(operand.type) && site.context.dialect !== 'duckdb');
  const value = isRead ? toNumber(operand, site) : operand;
  const { node } = value;
  if (node.kind === 'literal' && value.bits === undefined && typeof node.value === 'number' && node.value >= 0)
    return typed(literal(node.type, -node.value), value.type);
  const isSwitch = value.bits !== undefined || (value.type === 'boolean' && site.context.dialect === 'mysql');
  const number = isSwitch ? toNumber(value, site) : readJsonAs(site.context.parameters.read(value, 'double'), 'double');
  return { ...number, node: { kind: 'arithmetic', operator: 'negate', operands: [number.node] } };
}
