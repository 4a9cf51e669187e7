import type { Dialect, LogicalPlan, ReadColumns } from '@hybridstore/contracts';
import { type Clock, LruCache, type TenantCaller } from '@hybridstore/runtime';
import {
  literalsOf,
  readShape,
  type StatementShape,
  typesOfParameters,
  withLiterals,
  withParameters,
} from '@hybridstore/sql/parameters';
import type { OptimizedQuery, ParsedQuery, QueryRequest } from '../ports.ts';

/** A text that was read, and the better plan of it where there was one. */
export type PlannedQuery = { readonly parsed: ParsedQuery; readonly optimized: OptimizedQuery | undefined };
/** One that was planned before. It may be run only where its sources still have these columns. */
export type KeptPlan = PlannedQuery & { readonly restsOn: readonly ReadColumns[] };

type Kept = KeptPlan & {
  /** Of the literals of the statement's shape those that are part of the plan, by their places. */
  readonly fixed: ReadonlyMap<number, string>;
  readonly plannedAtMs: number;
};

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
 * Where the interpreter has made literals of the text parameters of the plan, the text is what is left without them, and a
 * statement with other values has that plan, with its own literals in it.
 *
 * Not stale: the node that runs a plan compares the columns with those of the table version that it reads, and refuses
 * (`conflict`) what rests on others; permissions are part of the key, and whoever runs the plan asks for them again. Values
 * are put in anew each time. What age spoils is how good a plan is, never what it answers.
 */
export class KeptPlans {
  readonly #clock: Clock;
  readonly #kept = new LruCache<string, Kept>(plansMax);
  /** In which the interpreter reads what names no dialect, as it said last. */
  #defaultDialect: Dialect | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** With the values of this query. Throws `invalid_request` for a value that is none of its parameter's type. */
  find(caller: TenantCaller, query: QueryRequest): KeptPlan | undefined {
    const byText = this.#young(textKey(caller, query));
    if (byText) return withValuesOf(query, byText);
    const shape = this.#shapeOf(query);
    const byShape = shape && this.#young(shapeKey(caller, query, shape));
    if (!byShape || ![...byShape.fixed].every(([place, token]) => shape.literals[place]?.token === token))
      return undefined;
    const literals = literalsOf(shape, byShape.parsed.lifted);
    if (!literals) return undefined;
    const cached = { parsed: { ...byShape.parsed, planCached: true }, optimized: byShape.optimized };
    return { ...withPlans(cached, (plan) => withLiterals(plan, literals)), restsOn: byShape.restsOn };
  }

  /** Only a plan that the optimizer has seen: it may be back for the next query. */
  keep(caller: TenantCaller, query: QueryRequest, { parsed, optimized }: PlannedQuery): void {
    const { restsOn, lifted, dialect } = parsed;
    if (query.kind === 'sql' && query.request.dialect === undefined) this.#defaultDialect = dialect;
    if (!optimized || !restsOn) return;
    const shape = lifted.length > 0 ? this.#shapeOf(query) : undefined;
    if (lifted.length > 0 && !shape) return;
    const key = shape ? shapeKey(caller, query, shape) : textKey(caller, query);
    const characters = JSON.stringify([parsed.plan, optimized.plan]).length;
    if (characters + key.length > planCharactersMax) return;
    const liftedPlaces = new Set(lifted.map(({ literal }) => literal));
    const fixed = new Map(
      (shape?.literals ?? []).flatMap(({ token }, place) => (liftedPlaces.has(place) ? [] : [[place, token] as const])),
    );
    this.#kept.set(key, { parsed, optimized, restsOn, fixed, plannedAtMs: this.#clock.monotonicMs() });
  }

  forget(caller: TenantCaller, query: QueryRequest): void {
    this.#kept.delete(textKey(caller, query));
    const shape = this.#shapeOf(query);
    if (shape) this.#kept.delete(shapeKey(caller, query, shape));
  }

  #young(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (!kept || this.#clock.monotonicMs() - kept.plannedAtMs < planAgeMsMax) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  #shapeOf({ kind, request }: QueryRequest): StatementShape | undefined {
    if (kind === 'dsl' || request.parameters !== undefined) return undefined;
    const dialect = request.dialect ?? this.#defaultDialect;
    return dialect && readShape(request.query, dialect);
  }
}

/** A plan that was made now, as it is run: with the statement's own literals where the interpreter has lifted them. */
export function withOwnLiterals(planned: PlannedQuery): PlannedQuery {
  if (planned.parsed.lifted.length === 0) return planned;
  return withPlans(planned, (plan) =>
    withLiterals(
      plan,
      plan.parameters.map(({ type, value }) => ({ kind: 'literal', type, value })),
    ),
  );
}

function withPlans({ parsed, optimized }: PlannedQuery, change: (plan: LogicalPlan) => LogicalPlan): PlannedQuery {
  return {
    parsed: { ...parsed, plan: change(parsed.plan), lifted: [] },
    optimized: optimized && { ...optimized, plan: change(optimized.plan) },
  };
}

function textKey({ tenant, permissions }: TenantCaller, query: QueryRequest): string {
  const { kind, request } = query;
  const statement = kind === 'dsl' ? [request.query] : [request.query, request.dialect, types(query)];
  return JSON.stringify([tenant, permissions, kind, ...statement]);
}

function shapeKey({ tenant, permissions }: TenantCaller, { request }: QueryRequest, shape: StatementShape): string {
  const dialect = 'dialect' in request ? request.dialect : undefined;
  return JSON.stringify([tenant, permissions, 'shape', shape.key, dialect]);
}

function types(query: QueryRequest): readonly string[] {
  return query.kind === 'dsl' ? [] : typesOfParameters(query.request.parameters ?? []);
}

function withValuesOf(query: QueryRequest, { parsed, optimized, restsOn }: Kept): KeptPlan {
  const { parameterKeys } = parsed;
  const cached = { parsed: { ...parsed, planCached: true }, optimized };
  if (query.kind === 'dsl' || parameterKeys.length === 0) return { ...cached, restsOn };
  const values = query.request.parameters ?? [];
  return { ...withPlans(cached, (plan) => withParameters(plan, parameterKeys, values)), restsOn };
}
