import type { PlanExpression } from '@hybridstore/contracts';
import { column as columnNode, nearestName } from '@hybridstore/plan';
import { type Position, refuseSql } from '../syntax/refusal.ts';
import type { SyntaxNode } from '../syntax/syntax-tree.ts';
import { type Typed, typed } from './types.ts';

/**
 * What a name can mean at one place of a statement: levels from the inside out, of which the first that knows a name decides.
 *
 *     SELECT c.name FROM customers c WHERE EXISTS (SELECT 1 FROM sales WHERE amount > credit)
 *
 *     inner   sales(order_id, amount, …)        amount is here
 *     outer   c = customers(name, credit, …)    credit is none of sales' columns, so it is this one
 *
 * Within a level: a table's name before a dot; else a column that USING made of two; else the columns of all relations,
 * where two of one name are ambiguous; else, where the clause allows it, an alias of an output. What is left of a dotted name
 * reads into the value: steps of a JSON path, fields of a struct. In `c.a.b` only the scope knows where the column ends.
 *
 * `merged` holds columns joined by USING, those of the last join first; `aliases` outputs that may be named here.
 *
 * Names ignore case; of columns that differ in nothing else, the exact one is meant.
 *
 * Left out: schemas and catalogs. A table is named by its source id alone.
 */
export type Scope = {
  readonly relations: readonly ScopeRelation[];
  readonly merged: ReadonlyMap<string, Typed>;
  readonly commonTables: ReadonlyMap<string, CommonTableScope>;
  readonly aliases?: ReadonlyMap<string, Typed> | undefined;
  /** Windows that the block names, as the parser gives them. */
  readonly windows?: ReadonlyMap<string, SyntaxNode> | undefined;
  readonly outer?: Scope | undefined;
  /** The entry of WITH RECURSIVE that the next query is; it knows itself in the last part of its own UNION. */
  readonly recursion?: { readonly name: string; readonly table: CommonTableScope } | undefined;
};

/** `name` as the statement says it; `ref` as the plan does, unique in its relation. */
export type ScopeColumn = { readonly name: string; readonly ref: string; readonly type: string };
export type ScopeRelation = {
  readonly name: string;
  readonly alias: string;
  readonly columns: readonly ScopeColumn[];
  /** The column that the relation's own name stands for, where a call gives single values. */
  readonly value?: ScopeColumn | undefined;
};
export type CommonTableScope = { readonly planName: string; readonly columns: readonly ScopeColumn[] };

export const emptyScope: Scope = { relations: [], merged: new Map(), commonTables: new Map() };

/** A scope for a query inside another one. */
export function innerScope(outer: Scope): Scope {
  return { relations: [], merged: new Map(), commonTables: new Map(), outer };
}

export function findCommonTable(name: string, scope: Scope): CommonTableScope | undefined {
  for (let level: Scope | undefined = scope; level; level = level.outer) {
    const found = level.commonTables.get(name.toLowerCase());
    if (found) return found;
  }
  return undefined;
}

export type PathStep = string | number;

/** What a dotted name reads, from the innermost scope outward; `invalid_request` with the nearest name when nothing. */
export function resolvePath(path: readonly PathStep[], scope: Scope, position: Position | undefined): Typed {
  for (let level: Scope | undefined = scope; level; level = level.outer) {
    const found = resolveIn(level, path, position);
    if (found) return found;
  }
  throw unknownColumn(path, scope, position);
}

function resolveIn(scope: Scope, path: readonly PathStep[], position: Position | undefined): Typed | undefined {
  const [first, second] = path;
  const relation = path.length > 1 ? relationNamed(String(first), scope, position) : undefined;
  if (relation && typeof second === 'string') {
    const columns = columnsNamed(second, [relation]);
    if (columns.length > 0) return readColumn(columns, path.slice(2), { name: `${first}.${second}`, position });
    const only = relation.columns[0];
    if (relation.columns.length === 1 && only?.type === 'json')
      return readInto(typed(columnNode(relation.alias, only.ref), 'json'), path.slice(1), position);
    throw unknownColumn(path, { ...emptyScope, relations: [relation] }, position);
  }
  const name = String(first);
  const merged = scope.merged.get(name.toLowerCase());
  if (merged) return readInto(merged, path.slice(1), position);
  const columns = columnsNamed(name, scope.relations);
  if (columns.length > 0) return readColumn(columns, path.slice(1), { name, position });
  const row = relationNamed(name, { ...scope, relations: scope.relations.filter(({ value }) => value) }, position);
  if (row?.value) return readInto(columnOf(row, row.value), path.slice(1), position);
  const alias = scope.aliases?.get(name.toLowerCase());
  return alias ? readInto(alias, path.slice(1), position) : undefined;
}

export function relationNamed(name: string, scope: Scope, position: Position | undefined): ScopeRelation | undefined {
  const found = scope.relations.filter((relation) => relation.name.toLowerCase() === name.toLowerCase());
  if (found.length > 1) throw refuseSql(`table name ${name} stands for more than one table here`, position);
  return found[0];
}

type FoundColumn = { readonly relation: ScopeRelation; readonly column: ScopeColumn };

function columnsNamed(name: string, relations: readonly ScopeRelation[]): readonly FoundColumn[] {
  return relations.flatMap((relation) => {
    const columns = relation.columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
    const exact = columns.filter((column) => column.name === name);
    return (exact.length > 0 ? exact : columns).map((column) => ({ relation, column }));
  });
}

function readColumn(
  found: readonly FoundColumn[],
  rest: readonly PathStep[],
  place: { readonly name: string; readonly position: Position | undefined },
): Typed {
  const [only, second] = found;
  if (!only || second) {
    const candidates = found.map(({ relation }) => `${relation.name}.${place.name}`);
    throw refuseSql(`column ${place.name} is ambiguous`, place.position, { expected: candidates });
  }
  return readInto(typed(columnNode(only.relation.alias, only.column.ref), only.column.type), rest, place.position);
}

/** Reads further steps out of a value: a path of a JSON value, fields of a struct. */
export function readInto(base: Typed, rest: readonly PathStep[], position: Position | undefined): Typed {
  const [step, ...further] = rest;
  if (step === undefined) return base;
  if (base.type === 'json') {
    const inner = base.node.kind === 'json_path' && base.node.as === 'json' ? base.node : undefined;
    const path = [...(inner?.path ?? []), ...rest];
    return typed({ kind: 'json_path', value: inner?.value ?? base.node, path, as: 'json' }, 'json');
  }
  if (typeof step === 'string' && (base.type === 'struct' || base.type === 'unknown'))
    return readInto(typed({ kind: 'field', value: base.node, name: step }, 'unknown'), further, position);
  throw refuseSql(`a value of type ${base.type} has no field ${step}`, position, {
    expected: 'a JSON value',
    actual: base.type,
  });
}

function unknownColumn(path: readonly PathStep[], scope: Scope, position: Position | undefined) {
  const name = path.map(String).join('.');
  const levels: Scope[] = [];
  for (let level: Scope | undefined = scope; level; level = level.outer) levels.push(level);
  const columns = levels.flatMap((level) => level.relations.flatMap((relation) => relation.columns));
  const documents = columns.filter((column) => column.type === 'json');
  const nearest =
    nearestName(String(path.at(-1) ?? ''), [...new Set(columns.map((column) => column.name))]) ??
    (documents[0] ? `${documents[0].name}.${name}` : undefined);
  const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
  return refuseSql(`column ${name} does not exist${hint}`, position, {
    name,
    is_unknown_name: true,
    expected: [...new Set(columns.map((column) => column.name))].slice(0, 50),
    ...(nearest === undefined ? {} : { nearest }),
  });
}

/** Columns that `*` stands for, each column of USING once: where it first stands, or before all others. */
export function starColumns(scope: Scope, mergedFirst: boolean): readonly StarColumn[] {
  const found = scope.relations.flatMap((relation) =>
    relation.columns.map((column) => {
      const merged = scope.merged.get(column.name.toLowerCase());
      return { name: column.name, value: merged ?? columnOf(relation, column), isMerged: merged !== undefined };
    }),
  );
  const seen = new Set<string>();
  const once = found.filter(({ name, isMerged }) => {
    const isNew = !isMerged || !seen.has(name.toLowerCase());
    seen.add(name.toLowerCase());
    return isNew;
  });
  if (!mergedFirst) return once;
  const places = [...scope.merged.keys()];
  const first = once
    .filter(({ isMerged }) => isMerged)
    .sort((a, b) => places.indexOf(a.name.toLowerCase()) - places.indexOf(b.name.toLowerCase()));
  return [...first, ...once.filter(({ isMerged }) => !isMerged)];
}

type StarColumn = { readonly name: string; readonly value: Typed };

export function columnOf(relation: ScopeRelation, column: ScopeColumn): Typed {
  return typed(columnNode(relation.alias, column.ref), column.type);
}

export function sameExpression(a: PlanExpression, b: PlanExpression): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
