import type { ParameterKey, ReadColumns } from '@hybridstore/contracts';
import { type Clock, LruCache, type TenantCaller } from '@hybridstore/runtime';
import { typesOfParameters, withParameters } from '@hybridstore/sql/parameters';
import type { OptimizedQuery, ParsedQuery, QueryRequest } from '../ports.ts';

/** A text that was read, and the better plan of it where there was one. */
export type PlannedQuery = { readonly parsed: ParsedQuery; readonly optimized: OptimizedQuery | undefined };
/** One that was planned before. It may be run only where its sources still have these columns. */
export type KeptPlan = PlannedQuery & { readonly restsOn: readonly ReadColumns[] };

type Kept = KeptPlan & { readonly parameterKeys: readonly ParameterKey[]; readonly plannedAtMs: number };

export const plansMax = 500;
/** Larger plans are not kept, so that all of them take 32 MiB at most. */
export const planCharactersMax = 64 * 1024;
/** After that the tables may have grown so that another plan is better; the settings of the interpreter may be others. */
export const planAgeMsMax = 30_000;

/**
 * Plans of statements that were asked before, so that nobody has to be asked what they mean.
 *
 *   tenant, permissions, language, text, types of the parameters ──► plan, the columns it rests on
 *
 * Not stale: the node that runs a plan compares the columns with those of the table version that it reads, and refuses
 * (`conflict`) what rests on others; permissions are part of the key, and whoever runs the plan asks for them again. Values
 * of parameters are put in anew each time. What age spoils is how good a plan is, never what it answers.
 */
export class KeptPlans {
  readonly #clock: Clock;
  readonly #kept = new LruCache<string, Kept>(plansMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** With the values of this query. Throws `invalid_request` for a value that is none of its parameter's type. */
  find(caller: TenantCaller, query: QueryRequest): KeptPlan | undefined {
    const key = keyOf(caller, query);
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    if (this.#clock.monotonicMs() - kept.plannedAtMs >= planAgeMsMax) {
      this.#kept.delete(key);
      return undefined;
    }
    return withValuesOf(query, kept);
  }

  /** Only a plan that the optimizer has seen: it may be back for the next query. */
  keep(caller: TenantCaller, query: QueryRequest, { parsed, optimized }: PlannedQuery): void {
    const { restsOn, parameterKeys } = parsed;
    if (!optimized || !restsOn) return;
    const characters = JSON.stringify([parsed.plan, optimized.plan]).length;
    const key = keyOf(caller, query);
    if (characters + key.length > planCharactersMax) return;
    this.#kept.set(key, { parsed, optimized, restsOn, parameterKeys, plannedAtMs: this.#clock.monotonicMs() });
  }

  forget(caller: TenantCaller, query: QueryRequest): void {
    this.#kept.delete(keyOf(caller, query));
  }
}

function keyOf({ tenant, permissions }: TenantCaller, query: QueryRequest): string {
  const { kind, request } = query;
  const statement = kind === 'dsl' ? [request.query] : [request.query, request.dialect, types(query)];
  return JSON.stringify([tenant, permissions, kind, ...statement]);
}

function types(query: QueryRequest): readonly string[] {
  return query.kind === 'dsl' ? [] : typesOfParameters(query.request.parameters ?? []);
}

function withValuesOf(query: QueryRequest, { parsed, optimized, restsOn, parameterKeys }: Kept): KeptPlan {
  const plan = { ...parsed, planCached: true };
  if (query.kind === 'dsl' || parameterKeys.length === 0) return { parsed: plan, optimized, restsOn };
  const values = query.request.parameters ?? [];
  return {
    parsed: { ...plan, plan: withParameters(plan.plan, parameterKeys, values) },
    optimized: optimized && { ...optimized, plan: withParameters(optimized.plan, parameterKeys, values) },
    restsOn,
  };
}
