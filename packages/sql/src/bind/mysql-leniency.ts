import type { CallNode, CastNode, PlanExpression, PlanQuery, PlanRelation } from '@hybridstore/contracts';
import { cast, choose, compare, integer, literal, logic, type PlanSchemas, PlanTransformer } from '@hybridstore/plan';
import type { BindContext } from './context.ts';
import { isNumberText } from './literal-texts.ts';
import { momentLiteral } from './moment-text.ts';
import { leadingNumber } from './mysql-casts.ts';
import { isNumber } from './types.ts';

/**
 * MySQL answers where other engines fail at a row: a text that is no date is null, and so is a square root of a negative
 * number. The binders and translators say what a statement means when its values are good; here, in the one place that
 * all of them pass, what they made is taught to answer for bad ones.
 *
 *     YEAR(note)        date_part('year', TRY_CAST(note AS TIMESTAMP))
 *     SQRT(amount)      sqrt(CASE WHEN amount >= 0 THEN amount END)
 *     YEAR('bad')       refused: the fault stands in the text
 *
 * A text is a date when it is written YYYY-MM-DD, with or without a time. MySQL reads more forms (20240131, 24.1.31);
 * what it would read from those is null here.
 */
export function withLeniency(query: PlanQuery, schemas: PlanSchemas, context: BindContext): PlanQuery {
  if (context.dialect !== 'mysql') return query;
  const columns = new ColumnTypes(schemas);
  columns.query(query);
  return new Leniency(columns.types, context).query(query);
}

/** Types of the columns of sources, by the alias of their scan. */
class ColumnTypes extends PlanTransformer {
  readonly types = new Map<string, string>();
  readonly #schemas: PlanSchemas;

  constructor(schemas: PlanSchemas) {
    super();
    this.#schemas = schemas;
  }

  override relation(relation: PlanRelation): PlanRelation {
    if (relation.kind === 'scan')
      for (const { name, type } of this.#schemas.get(relation.source)?.columns ?? [])
        this.types.set(columnKey(relation.alias, name), type);
    return super.relation(relation);
  }
}

function columnKey(alias: string, name: string): string {
  return JSON.stringify([alias, name]);
}

const momentTypes = new Set(['date', 'timestamp', 'timestamptz', 'time']);
const momentCalls = new Set([
  'current_date',
  'current_timestamp',
  'date_trunc',
  'last_day',
  'make_timestamp',
  'strptime',
  'try_strptime',
]);

const numberFunctions = new Set(
  'abs ceil floor round round_even trunc sign sqrt exp ln log10 log2 log pow sin cos tan cot asin acos atan atan2 degrees radians'.split(
    ' ',
  ),
);

class Leniency extends PlanTransformer {
  readonly #types: ReadonlyMap<string, string>;
  readonly #context: BindContext;

  constructor(types: ReadonlyMap<string, string>, context: BindContext) {
    super();
    this.#types = types;
    this.#context = context;
  }

  override expression(expression: PlanExpression): PlanExpression {
    const node = super.expression(expression);
    if (node.kind === 'cast') return this.#cast(node);
    return node.kind === 'call' ? guarded(withinClock(this.#numbers(node))) : node;
  }

  /** Texts where a function takes a number. */
  #numbers(node: CallNode): CallNode {
    if (!numberFunctions.has(node.function)) return node;
    return { ...node, arguments: node.arguments.map((operand) => this.#number(operand)) };
  }

  #number(operand: PlanExpression): PlanExpression {
    if (this.#isText(operand)) return leadingNumber(operand, this.#context);
    if (operand.kind !== 'literal' || operand.type !== 'string' || typeof operand.value !== 'string') return operand;
    this.#requireReadable(operand.value, 'double');
    return literal('double', Number(operand.value));
  }

  #cast(node: CastNode): PlanExpression {
    if (node.try) return node;
    const { value, type } = node;
    if (value.kind === 'literal' && typeof value.value === 'string' && value.type === 'string') {
      this.#requireReadable(value.value, type);
      return node;
    }
    if (momentTypes.has(type) && !this.#isMoment(value)) {
      if (this.#isText(value)) this.#context.warnings.addValue('text_read_as_date', value);
      return { ...node, try: true };
    }
    if (momentTypes.has(type)) return node;
    return isNumber(type) && this.#isText(value) ? cast(leadingNumber(value, this.#context), type) : node;
  }

  #requireReadable(text: string, type: string): void {
    const isDay = type === 'date' || type === 'timestamp' || type === 'timestamptz';
    if (isDay && !isReadable(text)) throw this.#refuse(text, 'a date, YYYY-MM-DD or YYYY-MM-DD HH:MM:SS');
    if (type === 'time' && !isReadable(text) && !/^\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*$/.test(text))
      throw this.#refuse(text, 'a time, HH:MM:SS');
    if (isNumber(type) && !isNumberText(text)) throw this.#refuse(text, 'a number');
  }

  #refuse(text: string, expected: string): Error {
    const shown = text.slice(0, 50);
    const position = this.#context.text.positionOfText(text);
    return this.#context.refuseAt(position, `'${shown}' is not ${expected}`, { expected, actual: shown });
  }

  /** Certainly no text. */
  #isMoment(node: PlanExpression): boolean {
    switch (node.kind) {
      case 'column': {
        const type = this.#types.get(columnKey(node.relation, node.name));
        return type !== undefined && momentTypes.has(type);
      }
      case 'cast':
        return momentTypes.has(node.type);
      case 'literal':
        return momentTypes.has(node.type);
      case 'call':
        return momentCalls.has(node.function);
      case 'arithmetic':
        return true;
      default:
        return false;
    }
  }

  #isText(node: PlanExpression): boolean {
    if (node.kind === 'column') return this.#types.get(columnKey(node.relation, node.name)) === 'string';
    return node.kind === 'concat';
  }
}

function isReadable(text: string): boolean {
  return momentLiteral(text, 'timestamp') !== undefined;
}

/** A count of microseconds that no timestamp has is null. */
function withinClock(node: CallNode): CallNode {
  const [micros, more] = node.arguments;
  if (node.function !== 'make_timestamp' || micros?.kind !== 'cast' || more) return node;
  return { ...node, arguments: [{ ...micros, try: true }] };
}

type Guard = (operand: PlanExpression, index: number) => PlanExpression;

const zero = integer(0);
const one = integer(1);
const positive: Guard = (operand) => compare('gt', operand, zero);
const withinOne: Guard = (operand) => ({
  kind: 'between',
  value: operand,
  low: integer(-1),
  high: one,
  negated: false,
});

/** Where a function has a value; outside it is null. */
const domains: Readonly<Record<string, Guard>> = {
  sqrt: (operand) => compare('gte', operand, zero),
  ln: positive,
  log2: positive,
  log10: positive,
  log: (operand, index) =>
    index === 0 ? logic('and', [positive(operand, index), compare('ne', operand, one)]) : positive(operand, index),
  asin: withinOne,
  acos: withinOne,
};

/** The argument is guarded, not the call: whatever order an engine works in, it sees none outside the domain. */
function guarded(node: CallNode): PlanExpression {
  const guard = Object.hasOwn(domains, node.function) ? domains[node.function] : undefined;
  if (!guard) return node;
  return { ...node, arguments: node.arguments.map((operand, index) => choose(guard(operand, index), operand)) };
}
