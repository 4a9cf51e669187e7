import type { Distinct, GroupingElement, PlanExpression, Projection, SelectBody } from '@hybridstore/contracts';
import { isAggregateFunction, logic, PlanTransformer } from '@hybridstore/plan';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { bindFrom } from './bind-relation.ts';
import type { BoundSelect } from './bound-query.ts';
import { toCondition } from './conditions.ts';
import type { BindContext } from './context.ts';
import { type OutputSlot, outputName } from './output-name.ts';
import { columnOf, relationNamed, type Scope, sameExpression, starColumns } from './scope.ts';
import { isText, shown, type Typed } from './types.ts';
import { nameWindows } from './windows.ts';

type Output = { readonly name: string; readonly value: Typed; readonly isAlias: boolean };

/** One SELECT block, clause by clause in the order in which SQL evaluates them. */
export function bindSelect(fields: Fields, outer: Scope, context: BindContext): BoundSelect {
  const from = bindFrom(fields, outer, context);
  const scope: Scope = { ...from.scope, windows: nameWindows(fields.list('windows'), context) };
  const texts = context.outputTexts(fields.node);
  readOptimizerHints(fields, context);
  const outputs = fields
    .list('expressions')
    .flatMap((item, index) => bindOutput(item, { index, text: texts?.[index] }, scope, context));
  if (outputs.length === 0) throw fields.refuse('SELECT has no columns');
  const aliases = new Map(
    outputs.filter((output) => output.isAlias).map((output) => [output.name.toLowerCase(), output.value]),
  );
  const later: Scope = { ...scope, aliases };
  const where = bindCondition(fields.optional('where_clause'), context.dialect === 'duckdb' ? later : scope, context);
  const groupBy = bindGroupBy(fields.optional('group_by'), { scope: later, outputs }, context);
  const having = bindCondition(fields.optional('having'), later, context);
  const qualify = bindCondition(fields.optional('qualify'), later, context);
  const distinct = bindDistinct(fields, later, outputs, context);
  const projections: Projection[] = outputs.map(({ name, value }) => ({ name, value: value.node }));
  requireWhereWithoutAggregates(where, fields);
  const values = projections.map((projection) => projection.value);
  const isOfRows = context.dialect === 'mysql' && having && !groupBy && ![having, ...values].some(containsAggregate);
  const conditions = isOfRows ? havingOfRows(having, { where, qualify }) : withoutEmpty({ where, having, qualify });
  const body: SelectBody = {
    kind: 'select',
    ...(distinct ? { distinct } : {}),
    projections,
    ...(from.relation ? { from: from.relation } : {}),
    ...(groupBy ? { groupBy } : {}),
    ...conditions,
  };
  requireGrouped(body, fields);
  return {
    body,
    outputs: outputs.map(({ name, value }) => ({ name, type: isText(value.type) ? 'string' : value.type })),
    projections: projections.map((projection) => projection.value),
    aliases,
    scope,
  };
}

/** `/*+ … *​/`: a comment, but that SET_VAR of MySQL sets variables that change meanings. */
function readOptimizerHints(fields: Fields, context: BindContext): void {
  const hint = JSON.stringify(fields.value('hint') ?? '');
  if (context.dialect === 'mysql' && /set_var/i.test(hint)) fields.refuseField('hint');
  else fields.ignore('hint', 'advice for an optimizer, and in the other dialects a comment');
}

type Conditions = { readonly [clause in 'where' | 'having' | 'qualify']?: PlanExpression | undefined };

/** MySQL's HAVING without groups is a condition on each row, over the outputs and what they are made of. */
function havingOfRows(having: PlanExpression, { where, qualify }: Conditions) {
  const both = (first: PlanExpression | undefined) => (first ? logic('and', [first, having]) : having);
  return containsWindow(having)
    ? withoutEmpty({ where, qualify: both(qualify) })
    : withoutEmpty({ where: both(where), qualify });
}

function withoutEmpty({ where, having, qualify }: Conditions): Pick<SelectBody, 'where' | 'having' | 'qualify'> {
  return { ...(where ? { where } : {}), ...(having ? { having } : {}), ...(qualify ? { qualify } : {}) };
}

function containsWindow(expression: PlanExpression): boolean {
  let found = false;
  walkOwn(expression, (node) => {
    if (node.kind === 'call' && node.over) found = true;
  });
  return found;
}

function bindOutput(item: SyntaxNode, slot: OutputSlot, scope: Scope, context: BindContext): readonly Output[] {
  const kind = kindOf(item);
  if (kind === 'star') return bindStar(item, scope, context);
  if (kind === 'annotated') return bindOutput(context.only(item, 'this'), slot, scope, context);
  if (kind !== 'alias') {
    const value = shown(context.bind(item, scope));
    return [{ name: outputName(item, slot, context), value, isAlias: false }];
  }
  const fields = context.fields(item);
  const name = fields.name('alias');
  const value = shown(context.bind(fields.required('this'), scope));
  if (name === undefined) throw fields.refuse('an alias has no name');
  fields.finish();
  return [{ name, value, isAlias: true }];
}

function bindStar(item: SyntaxNode, scope: Scope, context: BindContext): readonly Output[] {
  const fields = context.fields(item);
  const table = fields.name('table');
  const excluded = new Set(fields.names('except').map((name) => name.toLowerCase()));
  const replaced = new Map(fields.list('replace').map((entry) => readReplacement(entry, context)));
  fields.finish();
  const columns =
    table === undefined
      ? starColumns(scope, context.dialect !== 'duckdb')
      : tableColumns(table, scope, fields, context);
  if (columns.length === 0) throw fields.refuse('* needs a table in FROM');
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  const unknown = [...excluded, ...replaced.keys()].find((name) => !names.has(name));
  if (unknown !== undefined)
    throw fields.refuse(`* has no column ${unknown} to leave out or replace`, { name: unknown, expected: [...names] });
  const outputs = columns.filter(({ name }) => !excluded.has(name.toLowerCase()));
  return outputs.map(({ name, value }) => {
    const replacement = replaced.get(name.toLowerCase());
    return { name, value: replacement ? context.bind(replacement, scope) : value, isAlias: false };
  });
}

function readReplacement(entry: SyntaxNode, context: BindContext): readonly [string, SyntaxNode] {
  const part = Fields.of(entry, 'alias', context.text);
  const name = part.name('alias') ?? '';
  const value = part.required('this');
  part.finish();
  return [name.toLowerCase(), value];
}

function tableColumns(table: string, scope: Scope, fields: Fields, context: BindContext) {
  const relation = relationNamed(table, scope, context.position(fields.node));
  if (!relation)
    throw fields.refuse(`table ${table} is not in FROM`, { expected: scope.relations.map((known) => known.name) });
  return relation.columns.map((column) => ({ name: column.name, value: columnOf(relation, column) }));
}

function bindCondition(clause: SyntaxNode | undefined, scope: Scope, context: BindContext): PlanExpression | undefined {
  if (!clause) return undefined;
  const fields = Fields.of(clause, 'condition', context.text);
  const node = fields.required('this');
  const condition = toCondition(context.bind(node, scope), node, context);
  fields.finish();
  return condition;
}

function bindDistinct(
  fields: Fields,
  scope: Scope,
  outputs: readonly Output[],
  context: BindContext,
): Distinct | undefined {
  const isDistinct = fields.flag('distinct');
  const keys = fields.list('distinct_on');
  if (keys.length === 0) return isDistinct ? { kind: 'rows' } : undefined;
  return { kind: 'on', keys: keys.map((key) => bindKey(key, { scope, outputs }, context)) };
}

/** What a key of GROUP BY may name: columns, and outputs by place or alias. */
type GroupingNames = { readonly scope: Scope; readonly outputs: readonly Output[] };

function bindGroupBy(
  clause: SyntaxNode | undefined,
  names: GroupingNames,
  context: BindContext,
): readonly GroupingElement[] | undefined {
  if (!clause) return undefined;
  const fields = Fields.of(clause, 'group_by', context.text);
  const all = fields.value('all');
  const items = fields.list('expressions');
  fields.finish();
  // The parser says false for DISTINCT, which drops grouping sets that stand twice.
  if (all !== undefined && all !== true) throw fields.refuse('GROUP BY DISTINCT is not supported');
  if (all && items.length === 0) return groupByAll(names.outputs);
  if (all) fields.ignore('all', 'before keys it is the default: grouping sets that stand twice count twice');
  const last = items.at(-1);
  const suffix =
    last && (kindOf(last) === 'rollup' || kindOf(last) === 'cube') ? (kindOf(last) as 'rollup' | 'cube') : undefined;
  // MySQL: GROUP BY a, b WITH ROLLUP
  if (suffix && last) requireNothingInside(last, context);
  if (suffix) return [{ kind: suffix, sets: items.slice(0, -1).map((item) => bindKeys(item, names, context)) }];
  return items.flatMap((item) => bindElement(item, names, context));
}

/** `WITH ROLLUP` takes the keys before it. */
function requireNothingInside(suffix: SyntaxNode, context: BindContext): void {
  context.fields(suffix).finish();
}

function groupByAll(outputs: readonly Output[]): readonly GroupingElement[] {
  return outputs
    .filter(({ value }) => !containsAggregate(value.node))
    .map(({ value }) => ({ kind: 'key', value: value.node }));
}

function bindElement(item: SyntaxNode, names: GroupingNames, context: BindContext): readonly GroupingElement[] {
  if (kindOf(item) === 'function') {
    const fields = context.fields(item);
    const name = fields.text('name')?.toUpperCase();
    if (name === 'ROLLUP' || name === 'CUBE' || name === 'GROUPING SETS') {
      const sets = fields.list('args').map((set) => bindKeys(set, names, context));
      fields.finish();
      return [{ kind: name === 'GROUPING SETS' ? 'sets' : name === 'CUBE' ? 'cube' : 'rollup', sets }];
    }
  }
  if (kindOf(item) === 'tuple') return bindTuple(item, names, context);
  return [{ kind: 'key', value: bindKey(item, names, context) }];
}

/** `(b, c)` groups by both; `()` is the one group of all rows. */
function bindTuple(item: SyntaxNode, names: GroupingNames, context: BindContext): readonly GroupingElement[] {
  const keys = bindKeys(item, names, context);
  return keys.length === 0 ? [{ kind: 'sets', sets: [[]] }] : keys.map((value) => ({ kind: 'key', value }));
}

function bindKeys(item: SyntaxNode, names: GroupingNames, context: BindContext): readonly PlanExpression[] {
  if (kindOf(item) !== 'tuple') return [bindKey(item, names, context)];
  const fields = context.fields(item);
  const keys = fields.list('expressions').map((key) => bindKey(key, names, context));
  fields.finish();
  return keys;
}

/** A number is the place of an output, a name a column first and an alias second. */
function bindKey(item: SyntaxNode, names: GroupingNames, context: BindContext): PlanExpression {
  const fields = context.fields(item);
  if (kindOf(item) === 'literal' && fields.text('literal_type') === 'number') {
    const output = names.outputs[Number(fields.text('value')) - 1];
    if (!output) throw fields.refuse(`place ${fields.text('value')} is not one of ${names.outputs.length} columns`);
    return output.value.node;
  }
  return context.bind(item, names.scope).node;
}

function containsAggregate(expression: PlanExpression): boolean {
  let found = false;
  walkOwn(expression, (node) => {
    if (node.kind === 'call' && !node.over && isAggregateFunction(node.function)) found = true;
  });
  return found;
}

/** Nodes of an expression without those of its subqueries. */
function walkOwn(expression: PlanExpression, visit: (node: PlanExpression) => void): void {
  new (class extends PlanTransformer {
    override expression(node: PlanExpression): PlanExpression {
      visit(node);
      return super.expression(node);
    }
    override query(query: Parameters<PlanTransformer['query']>[0]) {
      return query;
    }
  })().expression(expression);
}

function requireWhereWithoutAggregates(where: PlanExpression | undefined, fields: Fields): void {
  if (where && containsAggregate(where)) throw fields.refuse('WHERE cannot hold an aggregate; use HAVING');
}

/** Every column outside an aggregate of a grouped block must be one of its keys: the dialects refuse the rest, or answer at random. */
function requireGrouped(select: SelectBody, fields: Fields): void {
  const values = [...select.projections.map(({ value }) => value), ...(select.having ? [select.having] : [])];
  if (!select.groupBy && !select.having && !values.some(containsAggregate)) return;
  const keys = (select.groupBy ?? []).flatMap((element) =>
    element.kind === 'key' ? [element.value] : element.sets.flat(),
  );
  const own = ownAliases(select);
  for (const value of values) {
    const loose = looseColumn(value, keys, own);
    if (loose !== undefined)
      throw fields.refuse(`column ${loose} is neither in GROUP BY nor inside an aggregate function`, { name: loose });
  }
}

function ownAliases(select: SelectBody): ReadonlySet<string> {
  const aliases = new Set<string>();
  const add = (relation: NonNullable<SelectBody['from']>): void => {
    if (relation.kind !== 'join') aliases.add(relation.alias);
    else for (const side of [relation.first, ...relation.steps.map((step) => step.right)]) add(side);
  };
  if (select.from) add(select.from);
  return aliases;
}

function looseColumn(
  value: PlanExpression,
  keys: readonly PlanExpression[],
  own: ReadonlySet<string>,
): string | undefined {
  let loose: string | undefined;
  new (class extends PlanTransformer {
    override expression(node: PlanExpression): PlanExpression {
      if (loose !== undefined || keys.some((key) => sameExpression(key, node))) return node;
      if (node.kind === 'column' && own.has(node.relation)) loose = node.name;
      if (node.kind !== 'call') return super.expression(node);
      if (node.function === 'grouping') return node;
      return isAggregateFunction(node.function) && !node.over ? node : super.expression(node);
    }
  })().expression(value);
  return loose;
}
