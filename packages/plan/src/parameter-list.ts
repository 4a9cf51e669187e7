import type { ParameterNode, PlanParameter } from '@hybridstore/contracts';

/** Collects the values that a compiled plan binds. */
export class ParameterList {
  /** Values that do not fit their column are left to the engine's conversion instead of being refused. */
  readonly isLenient: boolean;
  readonly #parameters: PlanParameter[] = [];

  constructor(options: { readonly isLenient?: boolean | undefined } = {}) {
    this.isLenient = options.isLenient ?? false;
  }

  add(type: string, value: PlanParameter['value']): ParameterNode {
    this.#parameters.push({ type, value });
    return { kind: 'parameter', index: this.#parameters.length - 1 };
  }

  get list(): readonly PlanParameter[] {
    return this.#parameters;
  }
}
