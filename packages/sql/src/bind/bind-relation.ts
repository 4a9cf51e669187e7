import type { JoinStep, JoinType, PlanExpression, PlanRelation } from '@hybridstore/contracts';
import { call, nearestName } from '@hybridstore/plan';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { type BoundRelation, single } from './bound-relation.ts';
import { requireComparable } from './comparisons.ts';
import { toCondition } from './conditions.ts';
import type { BindContext } from './context.ts';
import { nameColumns } from './name-columns.ts';
import { columnOf, findCommonTable, type Scope, type ScopeColumn } from './scope.ts';
import { bindTableFunction } from './table-functions.ts';
import { commonType, type Typed, typed } from './types.ts';

export type BoundFrom = { readonly relation: PlanRelation | undefined; readonly scope: Scope };

/**
 * FROM. Commas bind more loosely than JOIN: every item between commas is joined on its own, then the items are crossed,
 * so `a, b RIGHT JOIN c` keeps every row of c beside every row of a.
 */
export function bindFrom(fields: Fields, outer: Scope, context: BindContext): BoundFrom {
  const from = fields.optional('from');
  const joins = fields.list('joins');
  const empty: Scope = { ...outer, relations: [], merged: new Map() };
  if (!from && joins.length > 0) throw fields.refuse('JOIN without FROM');
  if (!from) return { relation: undefined, scope: empty };
  const clause = Fields.of(from, 'from', context.text);
  const firsts = clause.list('expressions');
  clause.finish();
  const items = splitItems(firsts, joins, context);
  let bound: BoundRelation | undefined;
  for (const item of items) {
    const before: Scope = bound ? withRelations(empty, bound) : empty;
    const next = bindItem(item, before, context);
    bound = bound ? cross(bound, next) : next;
  }
  if (!bound) return { relation: undefined, scope: empty };
  return { relation: bound.relation, scope: withRelations(empty, bound) };
}

type Item = { readonly first: SyntaxNode; readonly joins: readonly SyntaxNode[] };

/** The parser lists a comma after a join as a join of kind Implicit. */
function splitItems(
  firsts: readonly SyntaxNode[],
  joins: readonly SyntaxNode[],
  context: BindContext,
): readonly Item[] {
  const items: { first: SyntaxNode; joins: SyntaxNode[] }[] = firsts.map((first) => ({ first, joins: [] }));
  for (const join of joins) {
    if (join['kind'] !== 'Implicit') items.at(-1)?.joins.push(join);
    else items.push({ first: commaItem(join, context), joins: [] });
  }
  return items;
}

function commaItem(join: SyntaxNode, context: BindContext): SyntaxNode {
  const fields = Fields.of(join, 'join', context.text);
  fields.ignore('kind', 'read by the caller');
  const item = fields.required('this');
  fields.finish();
  return item;
}

function withRelations(base: Scope, bound: BoundRelation): Scope {
  return {
    ...base,
    relations: [...base.relations, ...bound.relations],
    merged: new Map([...base.merged, ...bound.merged]),
  };
}

function cross(left: BoundRelation, right: BoundRelation): BoundRelation {
  return append(
    left,
    { type: 'cross', right: right.relation },
    {
      relations: [...left.relations, ...right.relations],
      merged: new Map([...left.merged, ...right.merged]),
    },
  );
}

function append(
  left: BoundRelation,
  step: JoinStep,
  names: Pick<BoundRelation, 'relations' | 'merged'>,
): BoundRelation {
  const relation: PlanRelation =
    left.relation.kind === 'join'
      ? { ...left.relation, steps: [...left.relation.steps, step] }
      : { kind: 'join', first: left.relation, steps: [step] };
  return { relation, ...names };
}

/** `before`: what lateral relations of this item may read. */
function bindItem(item: Item, before: Scope, context: BindContext): BoundRelation {
  let bound = bindRelation(item.first, before, context);
  for (const join of item.joins) bound = bindJoin(bound, join, before, context);
  return bound;
}

const joinKinds: Readonly<Record<string, { readonly type: JoinType; readonly natural?: boolean }>> = {
  Inner: { type: 'inner' },
  Left: { type: 'left' },
  Right: { type: 'right' },
  Full: { type: 'full' },
  Cross: { type: 'cross' },
  Semi: { type: 'semi' },
  LeftSemi: { type: 'semi' },
  Anti: { type: 'anti' },
  LeftAnti: { type: 'anti' },
  AsOf: { type: 'asof' },
  AsOfLeft: { type: 'asof_left' },
  Natural: { type: 'inner', natural: true },
  NaturalLeft: { type: 'left', natural: true },
  NaturalRight: { type: 'right', natural: true },
  NaturalFull: { type: 'full', natural: true },
};

function bindJoin(left: BoundRelation, join: SyntaxNode, before: Scope, context: BindContext): BoundRelation {
  const fields = Fields.of(join, 'join', context.text);
  const kind = joinKinds[String(fields.value('kind'))];
  if (!kind) throw fields.refuse(`${String(join['kind'])} JOIN is not supported`);
  // Rows that a right or full join keeps have nothing on the left that they could read.
  const keepsRight = kind.type === 'right' || kind.type === 'full';
  const right = bindRelation(fields.required('this'), keepsRight ? before : withRelations(before, left), context);
  const on = fields.optional('on');
  const using = kind.natural ? sharedColumns(left, right) : fields.names('using');
  if (on && (kind.natural || using.length > 0)) throw fields.refuse('a join takes ON or USING, not both');
  if (fields.flag('deferred_condition')) throw fields.refuse('nested joins need parentheses');
  fields.finish();
  if (using.length > 0) return bindUsing({ left, right, type: kind.type, using }, fields, context);
  return bindOn({ left, right, type: kind.type }, on, before, context, fields);
}

type Sides = { readonly left: BoundRelation; readonly right: BoundRelation; readonly type: JoinType };

function bindOn(
  sides: Sides,
  on: SyntaxNode | undefined,
  before: Scope,
  context: BindContext,
  fields: Fields,
): BoundRelation {
  const { left, right } = sides;
  const both = {
    relations: [...left.relations, ...right.relations],
    merged: new Map([...left.merged, ...right.merged]),
  };
  const scope = withRelations(before, { relation: left.relation, ...both });
  const condition = on ? toCondition(context.bind(on, scope), on, context) : undefined;
  const isPlain = sides.type === 'inner' || sides.type === 'cross';
  if (!condition && !isPlain)
    throw fields.refuse(`${sides.type.toUpperCase()} JOIN needs ON or USING`, { expected: 'ON or USING' });
  if (!condition && sides.type === 'inner' && context.dialect === 'postgresql')
    throw fields.refuse('JOIN needs ON or USING', { expected: 'ON or USING' });
  const type = condition ? (sides.type === 'cross' ? 'inner' : sides.type) : 'cross';
  const step: JoinStep = { type, right: right.relation, ...(condition ? { on: condition } : {}) };
  return append(left, step, hidesRight(sides.type) ? { relations: left.relations, merged: left.merged } : both);
}

function hidesRight(type: JoinType): boolean {
  return type === 'semi' || type === 'anti';
}

/** USING becomes an ON of equalities; the joined column is the side that is always there, or the first of both in a full join. */
function bindUsing(
  sides: Sides & { readonly using: readonly string[] },
  fields: Fields,
  context: BindContext,
): BoundRelation {
  const { left, right, type } = sides;
  const own = new Map<string, Typed>();
  const conditions = sides.using.map((name): PlanExpression => {
    const ofLeft = sideColumn(name, left, fields);
    const ofRight = sideColumn(name, right, fields);
    requireComparable([ofLeft, ofRight], fields, context);
    own.set(name.toLowerCase(), mergedColumn(type, ofLeft, ofRight));
    return { kind: 'comparison', operator: 'eq', left: ofLeft.node, right: ofRight.node };
  });
  const [first] = conditions;
  const on: PlanExpression =
    conditions.length === 1 && first ? first : { kind: 'logic', operator: 'and', operands: conditions };
  if (hidesRight(type))
    return append(left, { type, right: right.relation, on }, { relations: left.relations, merged: left.merged });
  const merged = new Map([...own, ...left.merged, ...right.merged, ...own]);
  return append(
    left,
    { type, right: right.relation, on },
    { relations: [...left.relations, ...right.relations], merged },
  );
}

function mergedColumn(type: JoinType, left: Typed, right: Typed): Typed {
  if (type === 'right') return right;
  if (type !== 'full') return left;
  return typed(call('coalesce', left.node, right.node), commonType([left.type, right.type]));
}

function sideColumn(name: string, side: BoundRelation, fields: Fields): Typed {
  const merged = side.merged.get(name.toLowerCase());
  if (merged) return merged;
  const found = side.relations.flatMap((relation) =>
    relation.columns
      .filter((column) => column.name.toLowerCase() === name.toLowerCase())
      .map((column) => columnOf(relation, column)),
  );
  const [only, second] = found;
  if (!only) throw fields.refuse(`USING: column ${name} is missing on one side`, { name });
  if (second) throw fields.refuse(`USING: column ${name} is ambiguous on one side`, { name });
  return only;
}

function sharedColumns(left: BoundRelation, right: BoundRelation): readonly string[] {
  const names = new Set(
    right.relations.flatMap((relation) => relation.columns.map((column) => column.name.toLowerCase())),
  );
  const ofLeft = left.relations.flatMap((relation) => relation.columns.map((column) => column.name));
  return [...new Set(ofLeft.filter((name) => names.has(name.toLowerCase())).map((name) => name.toLowerCase()))];
}

function bindRelation(node: SyntaxNode, before: Scope, context: BindContext): BoundRelation {
  const kind = kindOf(node);
  const fields = context.fields(node);
  switch (kind) {
    case 'table':
      return bindTable(fields, before, context);
    case 'subquery':
      return bindDerived(fields, before, context);
    case 'joined_table':
      return bindJoinedTable(fields, before, context);
    case 'paren': {
      const inner = fields.required('this');
      fields.finish();
      return isQuery(inner)
        ? derived({ node: inner, name: undefined, columns: [], lateral: false }, before, context)
        : bindRelation(inner, before, context);
    }
    case 'alias':
      return bindAliased(fields, before, context);
    case 'lateral':
      return bindLateral(fields, before, context);
    case 'unnest':
    case 'j_s_o_n_table':
    case 'function':
      return bindTableFunction(node, { name: undefined, columns: [] }, before, context);
    default:
      throw fields.refuse(`${kind.replaceAll('_', ' ').toUpperCase()} in FROM is not supported`);
  }
}

/** A call behind LATERAL: the parser keeps its aliases as texts. */
function bindLateral(fields: Fields, before: Scope, context: BindContext): BoundRelation {
  const name = fields.text('alias');
  const columns = fields.texts('column_aliases');
  const ordinality = fields.optional('ordinality');
  const inner = fields.required('this');
  fields.ignore('alias_quoted', 'a name is the same in quotes and without');
  fields.finish();
  const own = (alias: string) => context.text.maskedNames.get(alias) ?? alias;
  const alias = { name: name === undefined ? undefined : own(name), columns: columns.map(own) };
  return bindTableFunction(inner, alias, before, context, ordinality !== undefined);
}

function isQuery(node: SyntaxNode): boolean {
  return ['select', 'union', 'intersect', 'except', 'values', 'subquery'].includes(kindOf(node));
}

function bindTable(fields: Fields, before: Scope, context: BindContext): BoundRelation {
  const name = fields.name('name') ?? '';
  const schema = fields.name('schema') ?? fields.name('catalog');
  const alias = fields.name('alias');
  const columns = fields.names('column_aliases');
  readIndexHints(fields, context);
  fields.finish();
  if (schema !== undefined)
    throw fields.refuse(`${schema}.${name}: a table is named by its source id alone`, {
      name: `${schema}.${name}`,
      expected: 'a source id',
    });
  const commonTable = findCommonTable(name, before);
  if (commonTable) {
    const planAlias = context.uniqueName(alias ?? name);
    const renamed = renameColumns(commonTable.columns, columns, fields);
    return single({ kind: 'cte', name: commonTable.planName, alias: planAlias }, alias ?? name, renamed);
  }
  const found = [...context.schemas.entries()].find(([source]) => source.toLowerCase() === name.toLowerCase());
  if (!found) throw unknownTable(name, before, fields, context);
  const [source, schemaOfSource] = found;
  const planAlias = context.uniqueName(alias ?? source);
  const own = schemaOfSource.columns.map((column) => ({ name: column.name, ref: column.name, type: column.type }));
  const scan: PlanRelation = { kind: 'scan', source, alias: planAlias, columns: own.map((column) => column.ref) };
  return single(scan, alias ?? name, renameColumns(own, columns, fields));
}

/** MySQL's `USE INDEX (…)` and its kin; whatever else stands among the hints is refused. */
function readIndexHints(fields: Fields, context: BindContext): void {
  const areOfIndexes = fields.list('hints').every((hint) => kindOf(hint) === 'index_table_hint');
  if (context.dialect === 'mysql' && areOfIndexes)
    fields.ignore('hints', 'an index is a way to the rows: naming one changes none of them');
  else fields.refuseField('hints');
}

function renameColumns(
  columns: readonly ScopeColumn[],
  aliases: readonly string[],
  fields: Fields,
): readonly ScopeColumn[] {
  if (aliases.length > columns.length)
    throw fields.refuse(`${aliases.length} column names for ${columns.length} columns`);
  return columns.map((column, index) => ({ ...column, name: aliases[index] ?? column.name }));
}

/** Marked, so that the caller can refresh its schemas once before it gives up. */
function unknownTable(name: string, scope: Scope, fields: Fields, context: BindContext) {
  const known = [...context.schemas.keys()];
  for (let level: Scope | undefined = scope; level; level = level.outer) known.push(...level.commonTables.keys());
  const nearest = nearestName(name, known);
  return fields.refuse(
    `table ${name.slice(0, 200)} does not exist${nearest === undefined ? '' : `, did you mean ${nearest}?`}`,
    {
      name: name.slice(0, 200),
      is_unknown_name: true,
      unknown_table: name.slice(0, 200),
      ...(nearest === undefined ? {} : { nearest }),
    },
  );
}

function bindDerived(fields: Fields, before: Scope, context: BindContext): BoundRelation {
  const name = fields.name('alias');
  const columns = fields.names('column_aliases');
  const lateral = fields.flag('lateral');
  const node = fields.required('this');
  fields.finish();
  return derived({ node, name, columns, lateral }, before, context);
}

type DerivedParts = {
  readonly node: SyntaxNode;
  readonly name: string | undefined;
  readonly columns: readonly string[];
  readonly lateral: boolean;
};

function derived(parts: DerivedParts, before: Scope, context: BindContext): BoundRelation {
  // Only LATERAL sees what stands to its left; every inner query sees the queries around this one.
  const outer: Scope = parts.lateral ? before : { ...before, relations: [], merged: new Map() };
  const bound = context.query(parts.node, outer, context);
  const alias = context.uniqueName(parts.name ?? 'derived');
  const { columns } = nameColumns(bound, parts.columns, context, parts.node);
  const relation: PlanRelation = {
    kind: 'derived',
    query: bound.query,
    alias,
    columns: columns.map((column) => column.ref),
    ...(parts.lateral ? { lateral: true } : {}),
  };
  return single(relation, parts.name ?? alias, columns);
}

function bindJoinedTable(fields: Fields, before: Scope, context: BindContext): BoundRelation {
  const first = fields.required('left');
  const joins = fields.list('joins');
  const alias = fields.name('alias');
  fields.finish();
  if (alias !== undefined) throw fields.refuse('a join in parentheses cannot have an alias');
  let bound: BoundRelation | undefined;
  for (const item of splitItems([first], joins, context)) {
    const next = bindItem(item, bound ? withRelations(before, bound) : before, context);
    bound = bound ? cross(bound, next) : next;
  }
  if (!bound) throw fields.refuse('empty parentheses in FROM');
  return bound;
}

function bindAliased(fields: Fields, before: Scope, context: BindContext): BoundRelation {
  const name = fields.name('alias');
  const columns = fields.names('column_aliases');
  let inner = fields.required('this');
  fields.finish();
  while (kindOf(inner) === 'paren') inner = context.only(inner, 'this');
  if (isQuery(inner)) return derived({ node: inner, name, columns, lateral: false }, before, context);
  return bindTableFunction(inner, { name, columns }, before, context);
}
