import {
  type CallNode,
  type CommonTable,
  HybridStoreError,
  type LogicalPlan,
  type PlanExpression,
  type PlanQuery,
  type PlanRelation,
  planDepthMax,
  planNodesMax,
  type QueryBody,
  type SetOperationBody,
} from '@hybridstore/contracts';
import { printDuckdbExpression } from './duckdb-printer.ts';
import { listTables } from './finish-plan.ts';
import { functionNamed, type KnownText, type PlanFunction, planErrors } from './functions.ts';
import { readKnownText } from './known-text.ts';
import { foldName } from './printed-names.ts';
import { walkQuery } from './walk-plan.ts';
import { requireSoundFrame } from './window-frame.ts';

/** Columns by source id; what a plan may name. */
export type PlanSchemas = ReadonlyMap<
  string,
  { readonly columns: readonly { readonly name: string; readonly type: string }[] }
>;

/**
 * What the schema of a plan cannot say, checked by every receiver before it estimates or prints one: bounds, unique aliases,
 * resolved columns, known functions with fitting argument counts, bound parameters, honest `tables`. With `schemas` also
 * that sources and columns exist. Throws `invalid_request`; the plan must already fit the schema.
 */
export function checkPlan(plan: LogicalPlan, schemas?: PlanSchemas): void {
  requireBounds(plan);
  requireUniqueNames(plan.query);
  new ScopeChecker(schemas).query(plan.query, emptyScope);
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
  const known = given?.kind === 'parameter' ? plan.parameters[given.index] : given;
  if (known && 'value' in known && 'type' in known && known.type === 'string' && typeof known.value === 'string')
    return void readKnownText(known.value, as);
  throw new HybridStoreError(
    'invalid_request',
    `plan: ${node.function} takes a ${as.replace('_', ' ')} that is a text of the plan, not one of its rows`,
    { function: node.function, expected: 'a text or a parameter that holds one' },
  );
}

/**
 * What the names of a place mean: of each relation its columns, of each WITH entry its outputs; names as the engine folds
 * them. An entry is known to the entries behind it and to the query that declares it. A recursive one is known to itself
 * as well, in the last input of its outermost UNION and nowhere else, which is where the engine knows it: elsewhere the
 * same name would mean another table.
 */
type Scope = {
  readonly relations: ReadonlyMap<string, ReadonlySet<string>>;
  readonly entries: ReadonlyMap<string, readonly string[]>;
};
const emptyScope: Scope = { relations: new Map(), entries: new Map() };
type Outputs = { readonly names: readonly string[]; readonly scope: Scope };

class ScopeChecker {
  readonly #schemas: PlanSchemas | undefined;

  constructor(schemas: PlanSchemas | undefined) {
    this.#schemas = schemas;
  }

  /** Names of the outputs. */
  query(query: PlanQuery, outer: Scope): readonly string[] {
    let inner = outer;
    for (const entry of query.with?.entries ?? []) {
      const names = this.#entry(entry, query.with?.recursive ?? false, inner);
      inner = withEntry(inner, entry.name, names);
    }
    return this.#tail(query, this.#body(query.body, inner), inner);
  }

  #tail(query: PlanQuery, { names, scope }: Outputs, inner: Scope): readonly string[] {
    for (const key of query.orderBy ?? []) {
      if (key.value.kind !== 'output') this.#expression(key.value, scope);
      else if (key.value.index >= names.length)
        throw new HybridStoreError('invalid_request', `plan: output ${key.value.index + 1} does not exist`, {
          field: 'orderBy',
        });
    }
    for (const bound of [query.limit, query.offset]) if (bound) this.#expression(bound, inner);
    return names;
  }

  #entry(entry: CommonTable, recursive: boolean, scope: Scope): readonly string[] {
    const union = recursive ? recursiveUnion(entry.query) : undefined;
    if (!union) return renamed(this.query(entry.query, scope), entry.columns);
    const before = union.inputs.slice(0, -1).map((input) => this.#body(input, scope).names);
    const names = renamed(before[0] ?? [], entry.columns);
    const last = this.#body(union.inputs.at(-1)!, withEntry(scope, entry.name, names)).names; // a union has two inputs or more
    requireEqualWidths(union, [...before, last]);
    return names;
  }

  #body(body: QueryBody, outer: Scope): Outputs {
    switch (body.kind) {
      case 'query':
        return { names: this.query(body, outer), scope: outer };
      case 'values':
        for (const row of body.rows) {
          if (row.length !== body.names.length)
            throw new HybridStoreError('invalid_request', 'plan: rows of values differ in length');
          for (const item of row) this.#expression(item, outer);
        }
        return { names: body.names, scope: outer };
      case 'set_operation': {
        const inputs = body.inputs.map((input) => this.#body(input, outer).names);
        requireEqualWidths(body, inputs);
        return { names: inputs[0] ?? [], scope: outer };
      }
      case 'select':
        return this.#select(body, outer);
    }
  }

  #select(select: Extract<QueryBody, { kind: 'select' }>, outer: Scope): Outputs {
    const scope = select.from ? this.#from(select.from, outer) : outer;
    for (const { value } of select.projections) this.#expression(value, scope);
    for (const value of [select.where, select.having, select.qualify]) if (value) this.#expression(value, scope);
    for (const element of select.groupBy ?? []) {
      for (const value of element.kind === 'key' ? [element.value] : element.sets.flat())
        this.#expression(value, scope);
    }
    if (select.distinct?.kind === 'on') for (const key of select.distinct.keys) this.#expression(key, scope);
    return { names: select.projections.map(({ name }) => name), scope };
  }

  /** Scope of a FROM: each relation sees the outer scope; lateral ones see what stands to their left as well. */
  #from(relation: PlanRelation, outer: Scope): Scope {
    switch (relation.kind) {
      case 'join': {
        let scope = this.#from(relation.first, outer);
        for (const step of relation.steps) {
          scope = this.#from(step.right, scope);
          if (step.on) this.#expression(step.on, scope);
        }
        return scope;
      }
      case 'scan':
        return extend(outer, relation.alias, this.#scanColumns(relation.source, relation.columns));
      case 'derived':
        return extend(outer, relation.alias, renamed(this.query(relation.query, outer), relation.columns));
      case 'cte': {
        const names = outer.entries.get(foldName(relation.name));
        if (!names)
          throw new HybridStoreError('invalid_request', `plan: with entry ${relation.name} does not exist here`, {
            name: relation.name,
          });
        return extend(outer, relation.alias, renamed(names, relation.columns));
      }
      case 'unnest':
        this.#expression(relation.value, outer);
        return extend(outer, relation.alias, [relation.column, ...(relation.ordinality ? [relation.ordinality] : [])]);
      case 'series':
        for (const value of [relation.start, relation.stop, relation.step]) if (value) this.#expression(value, outer);
        return extend(outer, relation.alias, [relation.column]);
    }
  }

  #scanColumns(source: string, columns: readonly string[]): readonly string[] {
    if (!this.#schemas) return columns;
    const schema = this.#schemas.get(source);
    if (!schema)
      throw new HybridStoreError('invalid_request', `plan: source ${source} does not exist`, { source_id: source });
    for (const name of columns) {
      if (!schema.columns.some((known) => known.name === name))
        throw new HybridStoreError('invalid_request', `plan: source ${source} has no column ${name}`, {
          source_id: source,
          column: name,
        });
    }
    return columns;
  }

  #expression(expression: PlanExpression, scope: Scope): void {
    visitShallow(expression, {
      column: (relation, name) => {
        if (!scope.relations.get(foldName(relation))?.has(foldName(name)))
          throw new HybridStoreError('invalid_request', `plan: column ${relation}.${name} does not exist here`, {
            column: `${relation}.${name}`,
          });
      },
      query: (query) => void this.query(query, scope),
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

function extend(scope: Scope, alias: string, names: readonly string[]): Scope {
  return {
    ...scope,
    relations: new Map([...scope.relations, [foldName(alias), new Set(names.map(foldName))]]),
  };
}

function withEntry(scope: Scope, name: string, columns: readonly string[]): Scope {
  return { ...scope, entries: new Map([...scope.entries, [foldName(name), columns]]) };
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
