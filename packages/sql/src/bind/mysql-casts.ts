import type { PlanExpression } from '@hybridstore/contracts';
import {
  arithmetic,
  call,
  cast,
  choose,
  compare,
  integer,
  isNull,
  literal,
  nullLiteral,
  tryCast,
} from '@hybridstore/plan';
import type { BindSite } from './bind-site.ts';
import type { BindContext } from './context.ts';
import { isNumberText, refuseText } from './literal-texts.ts';
import {
  isDecimal,
  isFloating,
  isInteger,
  isNumber,
  isTemporal,
  isText,
  jsonText,
  type Typed,
  typed,
} from './types.ts';

/**
 * CAST to a number in MySQL never fails: it takes the number that a text begins with, zero where there is none, and the
 * nearest number that the type can hold.
 *
 *     CAST(note AS SIGNED)          '42abc' 42     'abc' 0      ' -7.9' -7
 *     CAST(amount AS DECIMAL(3,1))  250 99.9
 *     CAST(-1 AS UNSIGNED)          18446744073709551615
 *
 * MySQL warns of each. What is written in the statement and is no number is refused instead; values of columns are taken
 * as MySQL takes them, and the answer carries a warning that says so. A value of a document that is no number is null, as everywhere here.
 */
export function castNumber(value: Typed, type: string, { fields, context }: BindSite): Typed {
  if (isTemporal(value.type) || value.type === 'time')
    throw fields.refuse(`a ${value.type} as a number means digits like 20240131 in MySQL; use DATE_FORMAT`, {
      expected: 'DATE_FORMAT',
      actual: value.type,
    });
  if (value.type === 'literal' && value.node.kind === 'literal' && !isNumberText(String(value.node.value)))
    throw refuseText(value, fields, context, 'a number');
  if (alwaysFits(value.type, type)) return typed(cast(value.node, type), type);
  // Of numbers with a fraction below 0 there is nothing left.
  if (type === 'ubigint' && isNumber(value.type) && !isInteger(value.type))
    return typed(within(choose(compare('lt', value.node, integer(0)), integer(0), value.node), type), type);
  if (value.type === 'json') return typed(within(jsonText(value), type), type);
  if (isText(value.type) && value.node.kind !== 'literal') context.warnings.addValue('text_read_as_number', value.node);
  if (isDecimal(type) && isNumber(value.type) && value.node.kind !== 'literal')
    context.warnings.addValue('value_out_of_range', value.node);
  return typed(isText(value.type) ? fromText(value.node, type) : within(value.node, type), type);
}

function alwaysFits(from: string, to: string): boolean {
  if (from === 'boolean') return true;
  return isFloating(to) ? isNumber(from) : to === 'bigint' && narrowIntegers.has(from);
}

const narrowIntegers = new Set(['tinyint', 'smallint', 'integer', 'bigint']);

/** The double that a text begins with, zero where it begins with none, null for null. */
export function leadingNumber(value: PlanExpression, context: BindContext): PlanExpression {
  context.warnings.addValue('text_read_as_number', value);
  return fromText(value, 'double');
}

const leadingDigits = String.raw`^\s*[+-]?\d{1,38}`;
const leadingDecimal = String.raw`^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?`;

function fromText(value: PlanExpression, type: string): PlanExpression {
  const pattern = isFloating(type) || isDecimal(type) ? leadingDecimal : leadingDigits;
  const beginning = call('regexp_extract', value, literal('string', pattern));
  const zero = cast(literal('string', '0'), type);
  return choose(isNull(value), nullLiteral, call('coalesce', within(beginning, type), zero));
}

/** The nearest value of the type, null where there is no number; a negative one as UNSIGNED counts down from 2^64. */
function within(number: PlanExpression, type: string): PlanExpression {
  const exact = tryCast(number, type);
  if (isFloating(type)) return exact;
  const size = tryCast(number, 'double');
  const { low, high } = boundsOf(type);
  const beyond: PlanExpression = {
    kind: 'case',
    branches: [
      { when: compare('gt', size, integer(0)), result: high },
      { when: compare('lt', size, integer(0)), result: type === 'ubigint' ? wrapped(number) : low },
    ],
  };
  return call('coalesce', exact, beyond);
}

function boundsOf(type: string): { readonly low: PlanExpression; readonly high: PlanExpression } {
  const [, width = '10', scale = '0'] = /^decimal\((\d+),(\d+)\)$/.exec(type) ?? [];
  const nines = `${'9'.repeat(Number(width) - Number(scale)) || '0'}${scale === '0' ? '' : `.${'9'.repeat(Number(scale))}`}`;
  const [low, high] = isDecimal(type) ? [`-${nines}`, nines] : (integerBounds[type] ?? ['0', '0']);
  return { low: cast(literal('string', low), type), high: cast(literal('string', high), type) };
}

const integerBounds: Readonly<Record<string, readonly [low: string, high: string]>> = {
  bigint: ['-9223372036854775808', '9223372036854775807'],
  ubigint: ['0', '18446744073709551615'],
};

function wrapped(number: PlanExpression): PlanExpression {
  const sum = arithmetic('add', tryCast(number, 'hugeint'), literal('hugeint', '18446744073709551616'));
  return call('coalesce', tryCast(sum, 'ubigint'), cast(literal('string', '9223372036854775808'), 'ubigint'));
}
