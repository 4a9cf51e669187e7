import {
  type CallNode,
  type ColumnCollation,
  type CommonTable,
  HybridStoreError,
  type LogicalPlan,
  type PlanExpression,
  type PlanQuery,
  type PlanRelation,
  planDepthMax,
  planListMax,
  planNodesMax,
  planParametersMax,
  type QueryBody,
  type SetOperationBody,
} from '@hybridstore/contracts';
import { printDuckdbExpression } from './duckdb-printer.ts';
import { listTables } from './finish-plan.ts';
import { functionNamed } from './functions.ts';
import { readKnownText } from './known-text.ts';
import { planErrors } from './plan-errors.ts';
import type { KnownText, PlanFunction } from './plan-function.ts';
import { foldName } from './printed-names.ts';
import { walkQuery } from './walk-plan.ts';
import { requireSoundFrame } from './window-frame.ts';

/** Columns by source id; what a plan may name. */
export type PlanSchemas = ReadonlyMap<
  string,
  {
    readonly columns: readonly {
      readonly name: string;
      readonly type: string;
      readonly collation?: ColumnCollation | undefined;
    }[];
  }
>;

/**
 * What the schema of a plan cannot say, checked by every receiver before it estimates or prints one: bounds, unique aliases,
 * resolved columns, known functions with fitting argument counts, bound parameters, honest `tables`. With `schemas` also
 * that sources and columns exist. Throws `invalid_request`; the plan must already fit the schema.
 */
export function checkPlan(plan: LogicalPlan, schemas?: PlanSchemas): void {
  requireBounds(plan);
  requireUniqueNames(plan.query);
  new ScopeChecker(schemas).query(plan.query);
  walkQuery(plan.query, {
    expression: (node) => {
      if (node.kind === 'parameter') requireParameter(plan, node.index);
      // Refuses what is no value of the literal's type.
      if (node.kind === 'literal') printDuckdbExpression(node);
      if (node.kind === 'call') requireCall(plan, node);
    },
  });
  if (JSON.stringify(plan.tables) !== JSON.stringify(listTables(plan.query)))
    throw new HybridStoreError('invalid_request', 'plan.tables does not match the scans of the plan', {
      field: 'tables',
    });
}

function requireBounds(plan: LogicalPlan): void {
  let nodes = 0;
  const measure = (value: unknown, depth: number): void => {
    if (typeof value === 'string') requireText(value);
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) requireList(value, value === plan.parameters ? planParametersMax : planListMax);
    nodes += 1;
    if (depth > planDepthMax)
      throw new HybridStoreError('invalid_request', `plan: nested deeper than ${planDepthMax} levels`, {
        field: 'plan',
      });
    if (nodes > planNodesMax)
      throw new HybridStoreError('invalid_request', `plan: larger than ${planNodesMax} nodes`, { field: 'plan' });
    for (const child of Object.values(value)) measure(child, depth + 1);
  };
  measure(plan, 1);
}

function requireList(list: readonly unknown[], max: number): void {
  if (list.length <= max) return;
  throw new HybridStoreError('invalid_request', `plan: a list holds at most ${max} values, found ${list.length}`, {
    field: 'plan',
    expected: max,
    actual: list.length,
  });
}

/** What is bound must be what is printed elsewhere. */
function requireText(value: string): void {
  // The engine's text ends at a NUL, and a lone surrogate would reach it as another character.
  if (value.includes('\0')) throw new HybridStoreError('invalid_request', 'plan: a text holds a NUL character');
  if (!value.isWellFormed())
    throw new HybridStoreError('invalid_request', 'plan: a text holds a lone UTF-16 surrogate');
}

function requireUniqueNames(query: PlanQuery): void {
  const aliases = new Set<string>();
  const entries = new Set<string>();
  const add = (names: Set<string>, name: string, what: string) => {
    const key = foldName(name);
    if (names.has(key)) throw new HybridStoreError('invalid_request', `plan: ${what} ${name} is used twice`, { name });
    names.add(key);
  };
  walkQuery(query, {
    relation: (node) => void (node.kind !== 'join' && add(aliases, node.alias, 'relation alias')),
    query: (node) => {
      for (const entry of node.with?.entries ?? []) add(entries, entry.name, 'with entry');
    },
  });
}

function requireParameter(plan: LogicalPlan, index: number): void {
  if (plan.parameters[index] === undefined)
    throw new HybridStoreError('invalid_request', `plan: parameter ${index + 1} has no value`, {
      parameter: index + 1,
    });
}

function requireCall(plan: LogicalPlan, node: CallNode): void {
  const known = functionNamed(node.function);
  const name = node.function;
  const count = node.arguments.length;
  if (!known)
    throw new HybridStoreError('invalid_request', `plan: function ${name} does not exist`, { function: name });
  requireModifiers(node, known);
  if (node.over?.frame) requireSoundFrame(node.over.frame, plan.parameters);
  if (known.knownText) requireKnownText(plan, node, known.knownText);
  if (name === 'error') requirePlanError(node.arguments[0]);
  if (count < known.argumentsMin || count > known.argumentsMax)
    throw new HybridStoreError(
      'invalid_request',
      `plan: function ${name} takes ${known.argumentsMin} to ${known.argumentsMax} arguments, found ${count}`,
      { function: name },
    );
}

/** The engine takes them elsewhere as well, and breaks on some: an ORDER BY inside a window function with an empty frame. */
function requireModifiers(node: CallNode, known: PlanFunction): void {
  if (known.kind === 'aggregate') return;
  if (!node.distinct && !node.filter && (node.orderBy ?? []).length === 0) return;
  throw new HybridStoreError(
    'invalid_request',
    `plan: ${node.function} is no aggregate function and takes no DISTINCT, FILTER or ORDER BY`,
    { function: node.function },
  );
}

function requirePlanError(argument: PlanExpression | undefined): void {
  const texts: readonly string[] = Object.values(planErrors);
  if (argument?.kind === 'literal' && texts.includes(String(argument.value))) return;
  throw new HybridStoreError('invalid_request', 'plan: error takes one of the texts that a plan may fail with', {
    function: 'error',
    expected: texts,
  });
}

/** A text that rows decide is one that nobody has read. */
function requireKnownText(plan: LogicalPlan, node: CallNode, { argument, as }: KnownText): void {
  const given = node.arguments[argument];
  const canBeBound = as !== 'time_zone';
  const known = given?.kind === 'parameter' && canBeBound ? plan.parameters[given.index] : given;
  if (known && 'value' in known && 'type' in known && known.type === 'string' && typeof known.value === 'string')
    return void readKnownText(known.value, as);
  throw new HybridStoreError(
    'invalid_request',
    `plan: ${node.function} takes a ${as.replace('_', ' ')} that is a text of the plan, not one of its rows`,
    { function: node.function, expected: canBeBound ? 'a text or a parameter that holds one' : 'a text' },
  );
}

/** Columns of all relations together: each is looked up once, and a plan may name the same wide relation again and again. */
const columnsInSightMax = 200_000;

/**
 * Relations come into sight as FROM is read and go out of it with their query; names are as the engine folds them. A WITH
 * entry is in sight of the entries behind it and of the query that declares it. A recursive one is in its own sight as
 * well, in the last input of its outermost UNION and nowhere else, which is where the engine knows it: elsewhere the same
 * name would mean another table. Names are unique in a plan, so one table holds those in sight; a copy for each relation
 * of a long join would cost the square of its length.
 */
class ScopeChecker {
  readonly #schemas: PlanSchemas | undefined;
  readonly #entries = new Map<string, readonly string[]>();
  /** Columns by alias, in the order in which they came into sight. */
  readonly #inSight = new Map<string, ReadonlySet<string>>();
  readonly #aliases: string[] = [];
  readonly #known = new Map<string, ReadonlySet<string>>();
  #columns = 0;

  constructor(schemas: PlanSchemas | undefined) {
    this.#schemas = schemas;
  }

  /** Names of the outputs. */
  query(query: PlanQuery): readonly string[] {
    const outer = this.#aliases.length;
    const entries = query.with?.entries ?? [];
    for (const entry of entries) this.#declare(entry.name, this.#entry(entry, query.with?.recursive ?? false));
    const names = this.#body(query.body);
    for (const key of query.orderBy ?? []) {
      if (key.value.kind !== 'output') this.#expression(key.value);
      else if (key.value.index >= names.length)
        throw new HybridStoreError('invalid_request', `plan: output ${key.value.index + 1} does not exist`, {
          field: 'orderBy',
        });
    }
    this.#leave(outer);
    for (const bound of [query.limit, query.offset]) if (bound) this.#expression(bound);
    for (const { name } of entries) this.#entries.delete(foldName(name));
    return names;
  }

  #entry(entry: CommonTable, recursive: boolean): readonly string[] {
    const union = recursive ? recursiveUnion(entry.query) : undefined;
    if (!union) return renamed(this.query(entry.query), entry.columns);
    const inputs = union.inputs.slice(0, -1).map((input) => this.#input(input));
    const names = renamed(inputs[0] ?? [], entry.columns);
    this.#declare(entry.name, names);
    requireEqualWidths(union, [...inputs, this.#input(union.inputs.at(-1)!)]); // a union has two inputs or more
    return names;
  }

  #declare(name: string, columns: readonly string[]): void {
    this.#entries.set(foldName(name), columns);
  }

  /** An input of a set operation takes what it reads out of sight again. */
  #input(input: QueryBody): readonly string[] {
    const outer = this.#aliases.length;
    const names = this.#body(input);
    this.#leave(outer);
    return names;
  }

  /** Names of the outputs; what a SELECT reads stays in sight. */
  #body(body: QueryBody): readonly string[] {
    switch (body.kind) {
      case 'query':
        return this.query(body);
      case 'values':
        for (const row of body.rows) {
          if (row.length !== body.names.length)
            throw new HybridStoreError('invalid_request', 'plan: rows of values differ in length');
          for (const item of row) this.#expression(item);
        }
        return body.names;
      case 'set_operation': {
        const inputs = body.inputs.map((input) => this.#input(input));
        requireEqualWidths(body, inputs);
        return inputs[0] ?? [];
      }
      case 'select':
        return this.#select(body);
    }
  }

  #select(select: Extract<QueryBody, { kind: 'select' }>): readonly string[] {
    if (select.from) this.#from(select.from);
    for (const { value } of select.projections) this.#expression(value);
    for (const value of [select.where, select.having, select.qualify]) if (value) this.#expression(value);
    for (const element of select.groupBy ?? []) {
      for (const value of element.kind === 'key' ? [element.value] : element.sets.flat()) this.#expression(value);
    }
    if (select.distinct?.kind === 'on') for (const key of select.distinct.keys) this.#expression(key);
    return select.projections.map(({ name }) => name);
  }

  /** Brings a FROM into sight: each relation sees what is in sight already, to its left as well. */
  #from(relation: PlanRelation): void {
    switch (relation.kind) {
      case 'join':
        this.#from(relation.first);
        for (const step of relation.steps) {
          this.#from(step.right);
          if (step.on) this.#expression(step.on);
        }
        return;
      case 'scan':
        this.#requireColumns(relation.source, relation.columns);
        this.#enter(relation.alias, relation.columns);
        return;
      case 'derived':
        this.#enter(relation.alias, renamed(this.query(relation.query), relation.columns));
        return;
      case 'cte': {
        const names = this.#entries.get(foldName(relation.name));
        if (!names)
          throw new HybridStoreError('invalid_request', `plan: with entry ${relation.name} does not exist here`, {
            name: relation.name,
          });
        this.#enter(relation.alias, renamed(names, relation.columns));
        return;
      }
      case 'unnest':
        this.#expression(relation.value);
        this.#enter(relation.alias, [relation.column, ...(relation.ordinality ? [relation.ordinality] : [])]);
        return;
      case 'series':
        for (const value of [relation.start, relation.stop, relation.step]) if (value) this.#expression(value);
        this.#enter(relation.alias, [relation.column]);
        return;
    }
  }

  #enter(alias: string, names: readonly string[]): void {
    this.#columns += names.length;
    if (this.#columns > columnsInSightMax)
      throw new HybridStoreError('invalid_request', `plan: its relations have more than ${columnsInSightMax} columns`, {
        field: 'plan',
      });
    this.#inSight.set(foldName(alias), new Set(names.map(foldName)));
    this.#aliases.push(foldName(alias));
  }

  #leave(count: number): void {
    for (const alias of this.#aliases.splice(count)) this.#inSight.delete(alias);
  }

  #requireColumns(source: string, columns: readonly string[]): void {
    if (!this.#schemas) return;
    const known = this.#knownColumns(source, this.#schemas);
    for (const name of columns) {
      if (!known.has(name))
        throw new HybridStoreError('invalid_request', `plan: source ${source} has no column ${name}`, {
          source_id: source,
          column: name,
        });
    }
  }

  #knownColumns(source: string, schemas: PlanSchemas): ReadonlySet<string> {
    const held = this.#known.get(source);
    if (held) return held;
    const schema = schemas.get(source);
    if (!schema)
      throw new HybridStoreError('invalid_request', `plan: source ${source} does not exist`, { source_id: source });
    const known = new Set(schema.columns.map(({ name }) => name));
    this.#known.set(source, known);
    return known;
  }

  #expression(expression: PlanExpression): void {
    visitShallow(expression, {
      column: (relation, name) => {
        if (!this.#inSight.get(foldName(relation))?.has(foldName(name)))
          throw new HybridStoreError('invalid_request', `plan: column ${relation}.${name} does not exist here`, {
            column: `${relation}.${name}`,
          });
      },
      query: (query) => void this.query(query),
    });
  }
}

/** Columns and subqueries of an expression, without going into the subqueries. */
function visitShallow(
  value: unknown,
  visitor: { column: (relation: string, name: string) => void; query: (query: PlanQuery) => void },
): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) visitShallow(item, visitor);
    return;
  }
  const node = value as PlanExpression | PlanQuery; // every tagged object below an expression is one of these
  if (node.kind === 'column') visitor.column(node.relation, node.name);
  else if (node.kind === 'query') visitor.query(node);
  else for (const child of Object.values(value)) visitShallow(child, visitor);
}

/** The UNION by which a query can be recursive: a bare one, without an entry, an order or a bound of its own. */
function recursiveUnion({ with: clause, body, orderBy, limit, offset }: PlanQuery): SetOperationBody | undefined {
  if (clause || orderBy || limit || offset) return undefined;
  return body.kind === 'set_operation' && body.operator === 'union' ? body : undefined;
}

function requireEqualWidths({ operator }: SetOperationBody, inputs: readonly (readonly string[])[]): void {
  const [first = []] = inputs;
  if (inputs.some((names) => names.length !== first.length))
    throw new HybridStoreError('invalid_request', `plan: inputs of ${operator} differ in their number of columns`);
}

function renamed(names: readonly string[], columns: readonly string[] | undefined): readonly string[] {
  if (!columns) return names;
  if (columns.length > names.length)
    throw new HybridStoreError('invalid_request', 'plan: more column aliases than columns');
  return [...columns, ...names.slice(columns.length)];
}

/** Names of a query's outputs, without checking it. */
export function outputNames(query: PlanQuery): readonly string[] {
  return firstNames(query.body);
}

/** Output names of a body without checking it: those of its first input. */
export function firstNames(body: QueryBody): readonly string[] {
  switch (body.kind) {
    case 'query':
      return firstNames(body.body);
    case 'values':
      return body.names;
    case 'set_operation':
      return body.inputs[0] ? firstNames(body.inputs[0]) : [];
    case 'select':
      return body.projections.map(({ name }) => name);
  }
}
