import type { SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BoundQuery } from './bound-query.ts';
import type { BindContext } from './context.ts';
import type { ScopeColumn } from './scope.ts';

/** Outputs of an inner query as columns: renamed by a list of aliases, made unique for the plan. */
export function nameColumns(
  bound: BoundQuery,
  aliases: readonly string[],
  context: BindContext,
  node: SyntaxNode,
): { readonly columns: readonly ScopeColumn[] } {
  if (aliases.length > bound.outputs.length)
    throw context.fields(node).refuse(`${aliases.length} column names for ${bound.outputs.length} columns`);
  const used = new Set<string>();
  return {
    columns: bound.outputs.map((output, index) => {
      const name = aliases[index] ?? output.name;
      let ref = name;
      for (let suffix = 1; used.has(ref.toLowerCase()); suffix += 1) ref = `${name}_${suffix}`;
      used.add(ref.toLowerCase());
      return { name, ref, type: output.type };
    }),
  };
}
