import type { FailedOperation, PlanExpression } from '@hybridstore/contracts';
import { functionNamed } from '@hybridstore/plan';
import type { Position } from '../syntax/refusal.ts';
import { shownType } from './types.ts';

const placesMax = 20;

/**
 * Where a statement says what failed while its plan ran. Whenever an expression is bound, the nodes that its plan has
 * beyond those of the expressions inside of it are its own: it is the innermost that stands for them.
 */
export class FailedPlaces {
  readonly #failed: FailedOperation;
  readonly #seen = new Set<object>();
  readonly #found: Position[] = [];

  constructor(failed: FailedOperation) {
    this.#failed = failed;
  }

  /** In the order of the text. */
  get list(): readonly Position[] {
    return this.#found.toSorted((one, other) => one.offset - other.offset);
  }

  account(node: PlanExpression, position: Position | undefined): void {
    const isFailed = this.#visit(node);
    if (isFailed && position && this.#found.length < placesMax) this.#found.push(position);
  }

  #visit(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || this.#seen.has(value)) return false;
    this.#seen.add(value);
    let isFailed = 'kind' in value && isFailure(value as PlanExpression, this.#failed); // objects of a plan have kinds
    for (const child of Object.values(value)) if (this.#visit(child)) isFailed = true;
    return isFailed;
  }
}

function isFailure(node: PlanExpression, failed: FailedOperation): boolean {
  switch (failed.kind) {
    case 'cast':
      return node.kind === 'cast' && node.try !== true && shownType(node.type) === failed.type;
    case 'call':
      return node.kind === 'call' && failed.functions.includes(node.function);
    case 'arithmetic':
      return node.kind === 'arithmetic' && failed.operators.includes(node.operator);
    case 'error':
      return node.kind === 'call' && saysError(node, failed.message);
    case 'subquery':
      return node.kind === 'subquery';
  }
}

/** By its argument, or in what the function is spelled as. */
function saysError(node: Extract<PlanExpression, { kind: 'call' }>, message: string): boolean {
  const [first] = node.arguments;
  if (node.function === 'error') return first?.kind === 'literal' && first.value === message;
  return functionNamed(node.function)?.duckdb.includes(`error('${message}')`) ?? false;
}
