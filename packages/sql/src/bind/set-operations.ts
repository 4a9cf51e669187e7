import type { Dialect, QueryBody } from '@hybridstore/contracts';
import { type Fields, kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BoundBody, BoundQuery } from './bound-query.ts';
import type { BindContext } from './context.ts';
import type { Scope } from './scope.ts';
import { commonType } from './types.ts';
import { requireAlike } from './unlike-types.ts';

/**
 * INTERSECT binds closer than UNION and EXCEPT, which the parser does not know: it reads every chain from the left. So
 * a chain without parentheses is taken apart and put together again.
 */
export function bindSetOperation(fields: Fields, scope: Scope, context: BindContext): BoundBody {
  const chain = readChain(fields, context);
  const groups: { operator: SetPart['operator']; all: boolean; parts: SetPart[] }[] = [];
  for (const part of chain) {
    const last = groups.at(-1);
    if (part.operator === 'intersect' && last) last.parts.push(part);
    else groups.push({ operator: part.operator, all: part.all, parts: [part] });
  }
  const operands = groups.map((group, index) => {
    const isLast = index === groups.length - 1 && index > 0 && group.operator === 'union';
    const inner = partScope(scope, isLast);
    return { ...group, bound: bindIntersections(group.parts, inner, context) };
  });
  return combine(operands, fields, context.dialect);
}

/** A recursive entry is known by its name in the last part of its UNION alone. */
function partScope({ recursion, ...scope }: Scope, isLast: boolean): Scope {
  if (!recursion || !isLast) return scope;
  const commonTables = new Map([...scope.commonTables, [recursion.name.toLowerCase(), recursion.table]]);
  return { ...scope, commonTables };
}

type SetPart = {
  readonly operator: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly input: SyntaxNode;
};

function readChain(fields: Fields, context: BindContext): readonly SetPart[] {
  const operator = fields.kind as SetPart['operator']; // bindBody sends only these kinds here
  const all = fields.flag('all');
  const left = fields.required('left');
  const right = fields.required('right');
  const leftKind = kindOf(left);
  const isChain = (leftKind === 'union' || leftKind === 'intersect' || leftKind === 'except') && isBare(left);
  const before: readonly SetPart[] = isChain
    ? readInnerChain(left, context)
    : [{ operator: 'union', all: true, input: left }];
  return [...before, { operator, all, input: right }];
}

function readInnerChain(node: SyntaxNode, context: BindContext): readonly SetPart[] {
  const inner = context.fields(node);
  const parts = readChain(inner, context);
  inner.finish();
  return parts;
}

/** A set operation with its own WITH, ORDER BY or LIMIT is a unit of its own. */
function isBare(node: SyntaxNode): boolean {
  const raw = node[kindOf(node)] as Readonly<Record<string, unknown>>; // tagged nodes hold an object
  return ['with', 'order_by', 'limit', 'offset'].every((name) => raw[name] === null || raw[name] === undefined);
}

function bindIntersections(parts: readonly SetPart[], scope: Scope, context: BindContext): BoundQuery {
  const inputs = parts.map((part) => ({
    operator: part.operator,
    all: part.all,
    bound: context.query(part.input, scope, context),
  }));
  const [first] = inputs;
  if (inputs.length === 1 && first) return first.bound;
  const { body, outputs } = combine(inputs, context.fields(parts[0]?.input ?? {}), context.dialect);
  return { query: { kind: 'query', body }, outputs };
}

type Operand = { readonly operator: SetPart['operator']; readonly all: boolean; readonly bound: BoundQuery };

function combine(operands: readonly Operand[], fields: Fields, dialect: Dialect): BoundBody {
  const [first, ...rest] = operands;
  if (!first) throw fields.refuse('a set operation has no inputs');
  let body: QueryBody = bodyOf(first.bound);
  let outputs = first.bound.outputs;
  for (const { operator, all, bound } of rest) {
    if (bound.outputs.length !== outputs.length)
      throw fields.refuse(`${operator.toUpperCase()} of ${outputs.length} and ${bound.outputs.length} columns`, {
        expected: outputs.length,
        actual: bound.outputs.length,
      });
    outputs = outputs.map(({ name, type }, index) => {
      const types = [type, bound.outputs[index]?.type ?? 'unknown'];
      requireAlike(types.map(asColumn), { fields, dialect, meeting: 'oneColumn' });
      return { name, type: commonType(types) };
    });
    const input = bodyOf(bound);
    body =
      body.kind === 'set_operation' && body.operator === operator && body.all === all
        ? { ...body, inputs: [...body.inputs, input] }
        : { kind: 'set_operation', operator, all, inputs: [body, input] };
  }
  return { body, outputs };
}

/** A text of the statement is one when it has become a value of a column. */
function asColumn(type: string): string {
  return type === 'literal' ? 'string' : type;
}

function bodyOf(bound: BoundQuery): QueryBody {
  const { query } = bound;
  return query.with || query.orderBy || query.limit || query.offset ? query : query.body;
}
