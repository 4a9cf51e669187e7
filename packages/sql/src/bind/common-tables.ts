import type { CommonTable, PlanQuery } from '@hybridstore/contracts';
import { Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import { nameColumns } from './name-columns.ts';
import { type CommonTableScope, innerScope, type Scope } from './scope.ts';

type BoundWith = { readonly clause: PlanQuery['with']; readonly scopes: ReadonlyMap<string, CommonTableScope> };

/** The entries of WITH in their order, each of which sees those before it. */
export function bindWith(fields: Fields, outer: Scope, context: BindContext): BoundWith {
  const clause = fields.optional('with');
  if (!clause) return { clause: undefined, scopes: new Map() };
  const parts = Fields.of(clause, 'with', context.text);
  const recursive = parts.flag('recursive');
  const scopes = new Map<string, CommonTableScope>();
  const entries: CommonTable[] = [];
  for (const item of parts.list('ctes')) {
    const scope = { ...innerScope(outer), commonTables: new Map(scopes) };
    entries.push(bindCommonTable(item, { scope, scopes, recursive }, context));
  }
  parts.finish();
  return { clause: { recursive, entries }, scopes };
}

/** What the entries of one WITH share: the scope around it, and the entries named so far. */
type WithClause = {
  readonly scope: Scope;
  readonly scopes: Map<string, CommonTableScope>;
  readonly recursive: boolean;
};

function bindCommonTable(item: SyntaxNode, clause: WithClause, context: BindContext): CommonTable {
  const fields = Fields.of(item, 'cte', context.text);
  const name = fields.name('alias') ?? '';
  const columns = fields.names('columns');
  const tree = fields.required('this');
  fields.finish();
  if (clause.scopes.has(name.toLowerCase())) throw fields.refuse(`WITH names ${name} twice`);
  const planName = context.uniqueName(name);
  const inner = clause.recursive ? withSelf({ name, planName, columns, tree }, clause.scope, context) : clause.scope;
  const bound = context.query(tree, inner, context);
  const named = nameColumns(bound, columns, context, tree);
  clause.scopes.set(name.toLowerCase(), { planName, columns: named.columns });
  return { name: planName, columns: named.columns.map((column) => column.ref), query: bound.query };
}

/**
 * In WITH RECURSIVE an entry that is a UNION sees itself in its last part, where the engine has its rows. Its columns have
 * the types of its first part, which is bound once to learn them.
 */
function withSelf(
  entry: {
    readonly name: string;
    readonly planName: string;
    readonly columns: readonly string[];
    readonly tree: SyntaxNode;
  },
  scope: Scope,
  context: BindContext,
): Scope {
  if (kindOf(entry.tree) !== 'union') return scope;
  const bound = context.query(firstPart(entry.tree), scope, context);
  const { columns } = nameColumns(bound, entry.columns, context, entry.tree);
  return { ...scope, recursion: { name: entry.name, table: { planName: entry.planName, columns } } };
}

function firstPart(tree: SyntaxNode): SyntaxNode {
  const kind = kindOf(tree);
  if (kind !== 'union' && kind !== 'intersect' && kind !== 'except') return tree;
  const body = tree[kind] as { left?: SyntaxNode }; // set operations of the parser always have both sides
  return body.left ? firstPart(body.left) : tree;
}
