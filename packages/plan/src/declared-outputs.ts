import type { PlanExpression, PlanQuery, PlanRelation, QueryBody } from '@hybridstore/contracts';
import type { PlanSchemas } from './check-plan.ts';

/** `type`: of the column of a source whose values the output shows as they are; undefined for what is computed. */
export type DeclaredOutput = { readonly name: string; readonly type?: string | undefined };

/**
 * Outputs of a sound plan with the types that their columns were declared with. Scans give `integer` as the long that it
 * is stored as, so the engine's own type of such an output says too much.
 */
export function declaredOutputs(query: PlanQuery, schemas: PlanSchemas): readonly DeclaredOutput[] {
  return new DeclaredTypes(schemas).outputsOf(query);
}

type Outputs = readonly DeclaredOutput[];

/** Aggregates and window functions that give one of the values they get. */
const choosing = new Set(['min', 'max', 'any_value', 'first', 'last', 'first_value', 'last_value', 'lag', 'lead']);

class DeclaredTypes {
  readonly #schemas: PlanSchemas;
  /** Aliases and names of entries are unique in a plan. */
  readonly #relations = new Map<string, Outputs>();
  readonly #entries = new Map<string, Outputs>();

  constructor(schemas: PlanSchemas) {
    this.#schemas = schemas;
  }

  outputsOf({ with: clause, body }: PlanQuery): Outputs {
    for (const { name, columns, query } of clause?.entries ?? [])
      this.#entries.set(name, renamed(this.outputsOf(query), columns));
    return this.#ofBody(body);
  }

  #ofBody(body: QueryBody): Outputs {
    switch (body.kind) {
      case 'query':
        return this.outputsOf(body);
      case 'values':
        return body.names.map((name) => ({ name }));
      case 'set_operation':
        return commonTypes(body.inputs.map((input) => this.#ofBody(input)));
      case 'select':
        if (body.from) this.#enter(body.from);
        return body.projections.map(({ name, value }) => ({ name, type: this.#typeOf(value) }));
    }
  }

  #enter(relation: PlanRelation): void {
    switch (relation.kind) {
      case 'scan': {
        const declared = this.#schemas.get(relation.source)?.columns ?? [];
        this.#relations.set(relation.alias, declared);
        return;
      }
      case 'derived':
        this.#relations.set(relation.alias, renamed(this.outputsOf(relation.query), relation.columns));
        return;
      case 'cte':
        // Its own query names a recursive entry before it is known.
        this.#relations.set(relation.alias, renamed(this.#entries.get(relation.name) ?? [], relation.columns));
        return;
      case 'join':
        this.#enter(relation.first);
        for (const { right } of relation.steps) this.#enter(right);
        return;
      case 'unnest':
      case 'series':
        return;
    }
  }

  #typeOf(value: PlanExpression): string | undefined {
    if (value.kind === 'column')
      return this.#relations.get(value.relation)?.find(({ name }) => name === value.name)?.type;
    if (value.kind === 'call' && choosing.has(value.function) && value.arguments.length === 1)
      return this.#typeOf(value.arguments[0]!);
    return undefined;
  }
}

function renamed(outputs: Outputs, columns: readonly string[] | undefined): Outputs {
  return columns === undefined
    ? outputs
    : outputs.map((output, index) => ({ ...output, name: columns[index] ?? output.name }));
}

/** Named by the first input; of its type where all have that one. */
function commonTypes(inputs: readonly Outputs[]): Outputs {
  const [first = [], ...others] = inputs;
  return first.map(({ name, type }, index) => ({
    name,
    type: others.every((outputs) => outputs[index]?.type === type) ? type : undefined,
  }));
}
