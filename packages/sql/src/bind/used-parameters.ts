import type { ParameterKey, PlanExpression, PlanParameter, PlanQuery } from '@hybridstore/contracts';
import { PlanTransformer, walkQuery } from '@hybridstore/plan';

type Bound = { readonly parameters: readonly PlanParameter[]; readonly keys: readonly ParameterKey[] };

/** The query with the parameters that it uses, counted anew: of a value that is read as another type, the text is not bound. */
export function keepUsedParameters(
  query: PlanQuery,
  { parameters, keys }: Bound,
): Bound & { readonly query: PlanQuery } {
  const used = new Set<number>();
  walkQuery(query, { expression: (node) => void (node.kind === 'parameter' && used.add(node.index)) });
  const places = [...used].sort((a, b) => a - b);
  const newPlaces = new Map(places.map((place, index) => [place, index]));
  return {
    query: new ParameterPlaces(newPlaces).query(query),
    parameters: places.map((place) => parameters[place]).filter((parameter) => parameter !== undefined),
    keys: places.map((place) => keys[place]).filter((key) => key !== undefined),
  };
}

class ParameterPlaces extends PlanTransformer {
  readonly #places: ReadonlyMap<number, number>;

  constructor(places: ReadonlyMap<number, number>) {
    super();
    this.#places = places;
  }

  override expression(expression: PlanExpression): PlanExpression {
    const node = super.expression(expression);
    return node.kind === 'parameter' ? { ...node, index: this.#places.get(node.index) ?? node.index } : node;
  }
}
