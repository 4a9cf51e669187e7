import {
  type ArithmeticOperator,
  type CallNode,
  type CastNode,
  type ComparisonNode,
  type ComparisonOperator,
  type Distinct,
  type FrameBound,
  type GroupingElement,
  HybridStoreError,
  type IntervalUnit,
  type JoinStep,
  type JoinType,
  type JsonPathNode,
  type LiteralNode,
  type LogicalPlan,
  type PlanExpression,
  type PlanParameter,
  type PlanQuery,
  type PlanRelation,
  type QueryBody,
  type SelectBody,
  type SortKey,
  type WindowSpecification,
} from '@hybridstore/contracts';
import { assertNever } from './assert-never.ts';
import { functionNamed } from './functions.ts';
import { readKnownText } from './known-text.ts';
import { planErrors } from './plan-errors.ts';
import type { KnownText, PlanFunction } from './plan-function.ts';
import { isZoneFunction, printZoneFunction, type ZoneFunction } from './print-time-zone.ts';
import { ownNames, type PrintedNames } from './printed-names.ts';
import { quoteName, quoteText } from './quoted-text.ts';
import { type StoredColumn, StoredColumns, type StoredForms } from './stored-columns.ts';
import { readTimeZone } from './time-zone.ts';
import { referencedAliases } from './walk-plan.ts';

export type DuckdbPrintOptions = {
  /** How the text spells the names of the plan. As the plan does, and scans by their source ids, when absent. */
  readonly names?: PrintedNames;
  /** Which columns of sources the text may read as they are stored. None when absent. */
  readonly storedForms?: StoredForms;
};

/** `parameters[n]` belongs to `$n+1`. Values are bound as text, number, boolean or null; the text casts them to their type. */
export type PrintedQuery = {
  readonly sql: string;
  readonly parameters: readonly PlanParameter[];
  /** What the text reads of scans beside their columns. */
  readonly storedColumns: readonly StoredColumn[];
};

/**
 * DuckDB SQL of a plan. Nothing of a caller's text is pasted: identifiers are quoted, literals are printed from typed
 * values, functions and types come from closed tables. Every operand is in parentheses, so that precedence never matters.
 */
export function printDuckdb(plan: LogicalPlan, options: DuckdbPrintOptions = {}): PrintedQuery {
  const names = options.names ?? ownNames;
  const stored = new StoredColumns(plan.query, options.storedForms ?? (() => undefined), names);
  const sql = new DuckdbPrinter(plan.parameters, names, stored).query(plan.query);
  return { sql, parameters: plan.parameters, storedColumns: stored.asked };
}

/** One expression in DuckDB's words, for messages and trees. */
export function printDuckdbExpression(expression: PlanExpression, parameters: readonly PlanParameter[] = []): string {
  return new DuckdbPrinter(parameters, ownNames).expression(expression);
}

const comparisons: Readonly<Record<ComparisonOperator, string>> = {
  eq: '=',
  ne: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  is_distinct: 'IS DISTINCT FROM',
  is_not_distinct: 'IS NOT DISTINCT FROM',
};

const infix: Readonly<Record<Exclude<ArithmeticOperator, 'bit_xor'>, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  integer_divide: '//',
  modulo: '%',
  power: '**',
  negate: '-',
  bit_and: '&',
  bit_or: '|',
  bit_not: '~',
  shift_left: '<<',
  shift_right: '>>',
};

const joins: Readonly<Record<JoinType, string>> = {
  inner: 'INNER JOIN',
  left: 'LEFT JOIN',
  right: 'RIGHT JOIN',
  full: 'FULL JOIN',
  cross: 'CROSS JOIN',
  semi: 'SEMI JOIN',
  anti: 'ANTI JOIN',
  asof: 'ASOF JOIN',
  asof_left: 'ASOF LEFT JOIN',
};

const intervals: Readonly<Record<IntervalUnit, (value: string) => string>> = {
  microsecond: (value) => `to_microseconds(CAST(${value} AS BIGINT))`,
  millisecond: (value) => `to_milliseconds(CAST(${value} AS DOUBLE))`,
  second: (value) => `to_seconds(CAST(${value} AS DOUBLE))`,
  minute: (value) => `to_minutes(CAST(${value} AS BIGINT))`,
  hour: (value) => `to_hours(CAST(${value} AS BIGINT))`,
  day: (value) => `to_days(CAST(${value} AS INTEGER))`,
  week: (value) => `to_days(7 * CAST(${value} AS INTEGER))`,
  month: (value) => `to_months(CAST(${value} AS INTEGER))`,
  quarter: (value) => `to_months(3 * CAST(${value} AS INTEGER))`,
  year: (value) => `to_years(CAST(${value} AS INTEGER))`,
};

class DuckdbPrinter {
  readonly #parameters: readonly PlanParameter[];
  readonly #names: PrintedNames;
  readonly #stored: StoredColumns | undefined;

  constructor(parameters: readonly PlanParameter[], names: PrintedNames, stored?: StoredColumns) {
    this.#parameters = parameters;
    this.#names = names;
    this.#stored = stored;
  }

  query(query: PlanQuery): string {
    const parts: string[] = [];
    if (query.with) {
      const entries = query.with.entries.map(
        (entry) => `${this.entryName(entry.name)}${this.columnList(entry.columns)} AS (${this.query(entry.query)})`,
      );
      parts.push(`WITH ${query.with.recursive ? 'RECURSIVE ' : ''}${entries.join(', ')}`);
    }
    parts.push(this.body(query.body));
    if (query.orderBy && query.orderBy.length > 0)
      parts.push(`ORDER BY ${this.sortKeys(query.orderBy, query.limit ? query.body : undefined)}`);
    if (query.limit) parts.push(`LIMIT ${this.expression(query.limit)}`);
    if (query.offset) parts.push(`OFFSET ${this.expression(query.offset)}`);
    return parts.join(' ');
  }

  body(body: QueryBody): string {
    switch (body.kind) {
      case 'query':
        return `(${this.query(body)})`;
      case 'select':
        return this.select(body);
      case 'set_operation': {
        const word = `${body.operator.toUpperCase()}${body.all ? ' ALL' : ''}`;
        return body.inputs.map((input) => `(${this.setInput(input)})`).join(` ${word} `);
      }
      case 'values': {
        const rows = body.rows.map((row) => `(${this.list(row)})`).join(', ');
        return `SELECT * FROM (VALUES ${rows}) AS ${this.relationName('values')}${this.columnList(body.names)}`;
      }
      default:
        return assertNever(body);
    }
  }

  setInput(input: QueryBody): string {
    return input.kind === 'query' ? this.query(input) : this.body(input);
  }

  select(select: SelectBody): string {
    const projections = select.projections.map(
      ({ name, value }) => `${this.expression(value)} AS ${this.columnName(name)}`,
    );
    const parts = [`SELECT ${this.distinct(select.distinct)}${projections.join(', ')}`];
    if (select.from) parts.push(`FROM ${this.relation(select.from)}`);
    if (select.where) parts.push(`WHERE ${this.expression(select.where)}`);
    if (select.groupBy) parts.push(`GROUP BY ${this.groupBy(select.groupBy)}`);
    if (select.having) parts.push(`HAVING ${this.expression(select.having)}`);
    if (select.qualify) parts.push(`QUALIFY ${this.expression(select.qualify)}`);
    return parts.join(' ');
  }

  distinct(distinct: Distinct | undefined): string {
    if (!distinct) return '';
    return distinct.kind === 'rows' ? 'DISTINCT ' : `DISTINCT ON (${this.list(distinct.keys)}) `;
  }

  groupBy(elements: readonly GroupingElement[]): string {
    if (elements.length === 0) return 'GROUPING SETS (())';
    return elements.map((element) => this.grouping(element)).join(', ');
  }

  grouping(element: GroupingElement): string {
    // A bare integer in GROUP BY means a place in the select list.
    if (element.kind === 'key') return `(${this.expression(element.value)})`;
    const sets = element.sets.map((set) => `(${this.list(set)})`).join(', ');
    return `${element.kind === 'sets' ? 'GROUPING SETS' : element.kind.toUpperCase()} (${sets})`;
  }

  relation(relation: PlanRelation): string {
    switch (relation.kind) {
      case 'scan':
        return `${quoteName(this.#names.scan(relation))} AS ${this.relationName(relation.alias)}`;
      case 'derived':
        return `${relation.lateral ? 'LATERAL ' : ''}(${this.query(relation.query)}) AS ${this.relationName(relation.alias)}${this.columnList(relation.columns)}`;
      case 'cte':
        return `${this.entryName(relation.name)} AS ${this.relationName(relation.alias)}${this.columnList(relation.columns)}`;
      case 'unnest': {
        const value = this.expression(relation.value);
        const ordinality =
          relation.ordinality === undefined
            ? ''
            : `, generate_subscripts(${value}, 1) AS ${this.columnName(relation.ordinality)}`;
        return `LATERAL (SELECT unnest(${value}) AS ${this.columnName(relation.column)}${ordinality}) AS ${this.relationName(relation.alias)}`;
      }
      case 'series': {
        const bounds = [relation.start, relation.stop, ...(relation.step ? [relation.step] : [])];
        return `${relation.inclusive ? 'generate_series' : 'range'}(${this.list(bounds)}) AS ${this.relationName(relation.alias)}(${this.columnName(relation.column)})`;
      }
      case 'join':
        return [this.joinSide(relation.first), ...relation.steps.map((step) => this.joinStep(step))].join(' ');
      default:
        return assertNever(relation);
    }
  }

  joinSide(relation: PlanRelation): string {
    return relation.kind === 'join' ? `(${this.relation(relation)})` : this.relation(relation);
  }

  joinStep(step: JoinStep): string {
    const condition = step.on
      ? ` ON ${this.expression(step.on)}`
      : step.using
        ? ` USING (${step.using.map((name) => this.columnName(name)).join(', ')})`
        : '';
    return `${joins[step.type]} ${this.joinSide(step.right)}${condition}`;
  }

  list(expressions: readonly PlanExpression[]): string {
    return expressions.map((expression) => this.expression(expression)).join(', ');
  }

  /** `first`: the rows of which the order takes the first ones, which the engine finds sooner by what is stored. */
  sortKeys(keys: readonly SortKey[], first?: QueryBody): string {
    return keys
      .map(
        (key) =>
          `${(first && this.#stored?.orderKey(key.value, first)) ?? this.sortValue(key.value)} ${key.direction.toUpperCase()} NULLS ${key.nulls === 'first' ? 'FIRST' : 'LAST'}`,
      )
      .join(', ');
  }

  /** With a constant, one that NULL passes is kept from the scan, which passes over row groups where all is NULL (duckdb#25884). */
  comparison({ left, operator, right }: ComparisonNode): string {
    const printed = `(${this.expression(left)} ${comparisons[operator]} ${this.expression(right)})`;
    const isNullSafe = operator === 'is_distinct' || operator === 'is_not_distinct';
    const hasConstant = [left, right].some((side) => referencedAliases(side).size === 0);
    return isNullSafe && hasConstant ? keptFromScan(printed) : printed;
  }

  /** A bare integer in ORDER BY means an output, which is what an output node wants and a literal must not be. */
  sortValue(value: PlanExpression): string {
    return value.kind === 'output' ? String(value.index + 1) : `(${this.expression(value)})`;
  }

  expression(node: PlanExpression): string {
    switch (node.kind) {
      case 'column':
        return `${this.relationName(node.relation)}.${this.columnName(node.name)}`;
      case 'output':
        throw new HybridStoreError('invalid_request', 'an output node stands only in ORDER BY');
      case 'literal':
        return printLiteral(node);
      case 'parameter':
        return this.parameter(node.index);
      case 'logic':
        return `(${node.operands.map((operand) => this.expression(operand)).join(node.operator === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `(NOT ${this.expression(node.operand)})`;
      case 'comparison':
        return this.comparison(node);
      case 'arithmetic':
        return this.arithmetic(node.operator, node.operands);
      case 'concat':
        return `(${node.operands.map((operand) => this.expression(operand)).join(' || ')})`;
      case 'call':
        return this.call(node);
      case 'case': {
        const branches = node.branches.map(
          ({ when, result }) => `WHEN ${this.expression(when)} THEN ${this.expression(result)}`,
        );
        const operand = node.operand ? ` ${this.expression(node.operand)}` : '';
        const otherwise = node.otherwise ? ` ELSE ${this.expression(node.otherwise)}` : '';
        return `(CASE${operand} ${branches.join(' ')}${otherwise} END)`;
      }
      case 'cast':
        return printCast(this.expression(node.value), node);
      case 'between':
        return `(${this.expression(node.value)} ${negation(node)}BETWEEN ${this.expression(node.low)} AND ${this.expression(node.high)})`;
      case 'in':
        return `(${this.expression(node.value)} ${negation(node)}IN (${this.list(node.list)}))`;
      case 'in_query': {
        const values = this.list(node.values);
        return `(${node.values.length === 1 ? values : `(${values})`} ${negation(node)}IN (${this.query(node.query)}))`;
      }
      case 'exists':
        return `(${negation(node)}EXISTS (${this.query(node.query)}))`;
      case 'subquery':
        return `(${this.query(node.query)})`;
      case 'quantified':
        return `(${this.expression(node.value)} ${comparisons[node.operator]} ${node.quantifier.toUpperCase()} (${this.query(node.query)}))`;
      case 'is_null':
        return `(${this.#stored?.nullTested(node.value) ?? this.expression(node.value)} IS ${negation(node)}NULL)`;
      case 'is_boolean':
        return keptFromScan(`(${this.expression(node.value)} IS ${negation(node)}${node.test ? 'TRUE' : 'FALSE'})`);
      case 'like': {
        const escaped = node.escape === undefined ? '' : ` ESCAPE ${quoteText(node.escape)}`;
        return `(${this.expression(node.value)} ${negation(node)}${node.caseInsensitive ? 'ILIKE' : 'LIKE'} ${this.expression(node.pattern)}${escaped})`;
      }
      case 'json_path':
        return this.jsonPath(node);
      case 'interval':
        return intervals[node.unit](this.expression(node.value));
      case 'extract':
        return `date_part(${quoteText(node.part)}, ${this.expression(node.value)})`;
      case 'array':
        return `[${this.list(node.items)}]`;
      case 'row':
        return `ROW(${this.list(node.items)})`;
      case 'struct':
        return `struct_pack(${node.fields.map(({ name, value }) => `${quoteName(name)} := ${this.expression(value)}`).join(', ')})`;
      case 'field':
        return `struct_extract(${this.expression(node.value)}, ${quoteText(node.name)})`;
      case 'element':
        return `list_extract(${this.expression(node.value)}, ${this.expression(node.index)})`;
      default:
        return assertNever(node);
    }
  }

  /**
   * The engine prints whole numbers that are written as fractions or with an exponent as 1.0. As values of JSON, which are
   * grouped and compared by their texts, they are the numbers that they equal: 1. It evaluates an expression over a column
   * once, however often it stands in the text.
   */
  jsonPath({ value, path, as }: JsonPathNode): string {
    const operands = `(${this.#stored?.document(value) ?? this.expression(value)}, ${quoteText(jsonPath(path))})`;
    if (as === 'text') return `json_extract_string${operands}`;
    const found = `json_extract${operands}`;
    if (value.kind !== 'column')
      return `CAST(regexp_replace(CAST(${found} AS VARCHAR), '^(-?[0-9]+)\\.0$', '\\1') AS JSON)`;
    return `(CASE WHEN ends_with(${found}, '.0') THEN CAST(left(${found}, -2) AS JSON) ELSE ${found} END)`;
  }

  /** Text stays bare, like a literal, so that the engine reads it as the type it is compared with. */
  parameter(index: number): string {
    const parameter = this.#parameters[index];
    if (!parameter)
      throw new HybridStoreError('invalid_request', `parameter ${index + 1} has no value`, { parameter: index + 1 });
    const name = `$${index + 1}`;
    return parameter.type === 'string' ? name : `CAST(${name} AS ${duckdbType(parameter.type)})`;
  }

  arithmetic(operator: ArithmeticOperator, operands: readonly PlanExpression[]): string {
    const printed = operands.map((operand) => this.expression(operand));
    if (operator === 'bit_xor') return printed.reduce((left, right) => `xor(${left}, ${right})`);
    const [first = '', ...rest] = printed;
    if (operator === 'negate' || operator === 'bit_not') return `(${infix[operator]} ${first})`;
    return rest.reduce((left, right) => `(${left} ${infix[operator]} ${right})`, first);
  }

  call(node: CallNode): string {
    const known = functionNamed(node.function);
    if (!known)
      throw new HybridStoreError('invalid_request', `function ${node.function} does not exist`, {
        function: node.function,
      });
    const stored = this.storedAggregate(node);
    if (stored !== undefined) return stored;
    const parts: string[] = [];
    if (node.distinct) parts.push('DISTINCT ');
    parts.push(node.function === 'count' && node.arguments.length === 0 ? '*' : this.arguments(node, known));
    if (node.orderBy && node.orderBy.length > 0) parts.push(` ORDER BY ${this.sortKeys(node.orderBy)}`);
    if (node.nulls) parts.push(` ${node.nulls.toUpperCase()} NULLS`);
    const filter = this.filter(node);
    const over = node.over ? ` OVER (${this.window(node.over)})` : '';
    if (isZoneFunction(node.function)) return this.zoned(node.function, node.arguments);
    if (known.duckdb.includes('(')) return `${this.spelled(node, known)}${over}`;
    if (node.function === 'json_contains')
      return `json_contains(${node.arguments.map((argument) => shallowJson(this.expression(argument))).join(', ')})`;
    return `${known.duckdb}(${parts.join('')})${filter}${over}`;
  }

  filter({ filter }: CallNode): string {
    return filter ? ` FILTER (WHERE ${this.expression(filter)})` : '';
  }

  /** Of a column as it is stored; undefined where the column itself has to be read. */
  storedAggregate(node: CallNode): string | undefined {
    if (node.distinct || node.over || node.orderBy || node.nulls || node.arguments.length !== 1) return undefined;
    const [value] = node.arguments;
    if (node.function === 'count') {
      const counted = this.#stored?.counted(value);
      return counted && `count(${counted})${this.filter(node)}`;
    }
    if (node.function !== 'min' && node.function !== 'max') return undefined;
    const extreme = this.#stored?.extreme(value);
    return extreme?.restore(`${node.function}(${extreme.text})${this.filter(node)}`);
  }

  spelled(node: CallNode, known: PlanFunction): string {
    const printed = node.arguments.map((argument) => this.expression(argument));
    return known.duckdb.replaceAll(/#(\d)/g, (_, index: string) => printed[Number(index)] ?? 'NULL');
  }

  arguments(node: CallNode, known: PlanFunction): string {
    const printed = node.arguments.map((argument, index) => {
      if (index === known.knownText?.argument) return this.knownText(argument, known.knownText);
      return index === known.countArgument ? this.boundedCount(argument) : this.expression(argument);
    });
    return printed.join(', ');
  }

  /** The rules of a zone decide what is printed, so it is a text of the plan. */
  zoned(name: ZoneFunction, [zone, value]: readonly PlanExpression[]): string {
    if (zone?.kind !== 'literal' || typeof zone.value !== 'string' || !value)
      throw new HybridStoreError('invalid_request', `${name} takes a time zone that is a text, and a time`);
    return printZoneFunction(name, readTimeZone(zone.value), this.expression(value));
  }

  /** Printed from what was read of it, and as nothing but text: strftime takes a moment in its place as well. */
  knownText(argument: PlanExpression, { as }: KnownText): string {
    const isText = argument.kind === 'literal' && typeof argument.value === 'string';
    const text = isText ? quoteText(readKnownText(String(argument.value), as)) : this.expression(argument);
    return as === 'date_format' ? `CAST(${text} AS VARCHAR)` : text;
  }

  /** At most 999,999, by a conversion that refuses more: the engine pads for seconds without looking up or counting memory. */
  boundedCount(argument: PlanExpression): string {
    const isSmall = argument.kind === 'literal' && /^\d{1,6}$/.test(String(argument.value));
    const count = this.expression(argument);
    return isSmall ? count : `CAST(CAST(${count} AS DECIMAL(6,0)) AS INTEGER)`;
  }

  window(window: WindowSpecification): string {
    const parts: string[] = [];
    if (window.partitionBy.length > 0) parts.push(`PARTITION BY ${this.list(window.partitionBy)}`);
    if (window.orderBy.length > 0) parts.push(`ORDER BY ${this.sortKeys(window.orderBy)}`);
    if (window.frame) {
      const exclude = window.frame.exclude ? ` EXCLUDE ${window.frame.exclude.replace('_', ' ').toUpperCase()}` : '';
      parts.push(
        `${window.frame.unit.toUpperCase()} BETWEEN ${this.frameBound(window.frame.start)} AND ${this.frameBound(window.frame.end)}${exclude}`,
      );
    }
    return parts.join(' ');
  }

  entryName(name: string): string {
    return quoteName(this.#names.entry(name));
  }

  relationName(alias: string): string {
    return quoteName(this.#names.relation(alias));
  }

  columnName(name: string): string {
    return quoteName(this.#names.column(name));
  }

  columnList(names: readonly string[] | undefined): string {
    return names && names.length > 0 ? `(${names.map((name) => this.columnName(name)).join(', ')})` : '';
  }

  frameBound(bound: FrameBound): string {
    return 'value' in bound
      ? `${this.expression(bound.value)} ${bound.kind.toUpperCase()}`
      : bound.kind.replace('_', ' ').toUpperCase();
  }
}

/** The engine looks for one JSON value in another by recursion, and crashes where its stack ends, at about 50,000 levels. */
const jsonOpeningsMax = 10_000;

/** JSON whose brackets are counted before it is searched. The value is printed once: nested calls would double it each time. */
function shallowJson(value: string): string {
  const openings = "strlen(_j0) - strlen(replace(replace(_j0, '[', ''), '{', ''))";
  const isDeep = `strlen(_j0) > ${jsonOpeningsMax} AND ${openings} > ${jsonOpeningsMax}`;
  const bounded = `CASE WHEN ${isDeep} THEN error(${quoteText(planErrors.jsonTooDeep)}) ELSE _j0 END`;
  return `list_extract(list_transform([CAST(${value} AS VARCHAR)], lambda _j0: ${bounded}), 1)`;
}

function negation(node: { readonly negated: boolean }): string {
  return node.negated ? 'NOT ' : '';
}

/** A pointer says `0` for a place and for a key alike. A number is either; for a text, which is a key, a path says so. */
function jsonPath(path: readonly (string | number)[]): string {
  const isPlain = path.every((step) => typeof step === 'number' || !/^\d+$/.test(step));
  // A star is a wildcard to the engine, in quotes too.
  const canBeQuoted = path.every((step) => typeof step === 'number' || !/^\*?$|["\\]/.test(step));
  if (isPlain || !canBeQuoted) return jsonPointer(path);
  return `$${path.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`)).join('')}`;
}

/** RFC 6901. DuckDB reads a path that begins with `/` as a pointer, whose escapes are complete where those of `$.` paths are not. */
function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const plainTypes: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
};

/** DuckDB's name of a plan type. The name is one of a closed pattern, so upper case is all it takes. */
function duckdbType(type: string): string {
  const [, base = '', brackets = ''] = /^(.*?)((?:\[\])*)$/.exec(type) ?? [];
  if (!/^[a-z]+(\(\d{1,2},\d{1,2}\))?$/.test(base))
    throw new HybridStoreError('invalid_request', `type ${type} does not exist`, { type });
  return `${plainTypes[base] ?? base.toUpperCase()}${brackets}`;
}

const integerTypes = new Set(['tinyint', 'smallint', 'integer', 'bigint', 'ubigint', 'hugeint']);

/** Into which a long goes without a loss, or which no column is stored as. */
const unharmedTypes = new Set(['bigint', 'hugeint']);

/**
 * The engine pushes the bound of a top-n through a cast between integers down to the scan, and compares it there with
 * longs by the bytes of the narrower type (duckdb#25158); through a function it does not.
 */
function printCast(value: string, { type, try: isTried }: CastNode): string {
  const printed = `${isTried ? 'TRY_CAST' : 'CAST'}(${value} AS ${duckdbType(type)})`;
  const isPushed = integerTypes.has(type) && (isTried || !unharmedTypes.has(type));
  return isPushed ? keptFromScan(printed) : printed;
}

/** The value as it is, in a form that the engine evaluates above a scan and not by the statistics of row groups. */
function keptFromScan(printed: string): string {
  return `COALESCE(${printed}, NULL)`;
}

function printLiteral(node: LiteralNode): string {
  if (node.value === null) return node.type === 'string' ? 'NULL' : `CAST(NULL AS ${duckdbType(node.type)})`;
  const value = String(node.value);
  if (node.type === 'boolean') return printBoolean(node.value);
  if (node.type === 'string') return quoteText(value);
  if (integerTypes.has(node.type)) return printNumber(value, /^-?\d{1,39}$/);
  if (node.type.startsWith('decimal')) return printNumber(value, /^-?\d{0,38}(\.\d{0,38})?$/);
  return `CAST(${quoteText(value)} AS ${duckdbType(node.type)})`;
}

function printBoolean(value: string | number | boolean | null): string {
  if (typeof value !== 'boolean')
    throw new HybridStoreError('invalid_request', 'a boolean literal holds true or false');
  return value ? 'TRUE' : 'FALSE';
}

function printNumber(value: string, form: RegExp): string {
  if (!form.test(value) || !/\d/.test(value))
    throw new HybridStoreError('invalid_request', `${value.slice(0, 50)} is not a number of its type`);
  return value.startsWith('-') ? `(${value})` : value;
}
