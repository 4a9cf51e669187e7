import { HybridStoreError, type PlanExpression, type PlanQuery } from '@hybridstore/contracts';
import { isAggregateFunction } from '../functions.ts';
import { call, choose, compare, integer } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { referencedAliases } from '../walk-plan.ts';

/**
 * A group of a collation holds several spellings of its key. What the block reads of the key, outside aggregates, is the
 * least of them, so that the answer does not depend on where rows lie:
 *
 *     SELECT city, COUNT(*) FROM t GROUP BY city        city ignores case
 *     SELECT MIN(city), COUNT(*) FROM t GROUP BY lower(city)
 *
 * `isInSets`: a key of ROLLUP and its kin is null in the rows that sum over it.
 */
export class GroupedSpellings extends PlanTransformer {
  readonly #keys: readonly PlanExpression[];
  readonly #texts: ReadonlySet<string>;
  readonly #isInSets: boolean;

  constructor(keys: readonly PlanExpression[], isInSets: boolean) {
    super();
    this.#keys = keys;
    this.#texts = new Set(keys.map((key) => JSON.stringify(key)));
    this.#isInSets = isInSets;
  }

  override expression(node: PlanExpression): PlanExpression {
    if (this.#texts.size === 0) return node;
    if (this.#texts.has(JSON.stringify(node))) return this.#spelling(node);
    if (node.kind === 'call' && node.function === 'grouping') return node;
    if (node.kind === 'call' && isAggregateFunction(node.function) && !node.over) return node;
    return super.expression(node);
  }

  #spelling(key: PlanExpression): PlanExpression {
    const least = call('min', key);
    return this.#isInSets ? choose(compare('eq', call('grouping', key), integer(0)), least) : least;
  }

  /** The engine takes no aggregate of this block inside a query of its own. */
  override query(query: PlanQuery): PlanQuery {
    const read = new Set<string>();
    new (class extends PlanTransformer {
      override expression(node: PlanExpression): PlanExpression {
        if (node.kind === 'column') read.add(node.relation);
        return super.expression(node);
      }
    })().query(query);
    const key = this.#keys.find((one) => [...referencedAliases(one)].some((alias) => read.has(alias)));
    if (key)
      throw new HybridStoreError(
        'invalid_request',
        'a subquery reads a text by which the query around it groups without regard to case; group in a subquery of FROM',
        { expected: 'a group in a subquery of FROM' },
      );
    return query;
  }
}
