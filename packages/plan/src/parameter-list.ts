import type { ParameterNode, PlanParameter } from '@hybridstore/contracts';

/** Collects the values that a compiled plan binds. */
export class ParameterList {
  readonly #parameters: PlanParameter[] = [];

  add(type: string, value: PlanParameter['value']): ParameterNode {
    this.#parameters.push({ type, value });
    return { kind: 'parameter', index: this.#parameters.length - 1 };
  }

  get list(): readonly PlanParameter[] {
    return this.#parameters;
  }
}
