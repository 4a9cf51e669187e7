import { createHash } from 'node:crypto';
import {
  type Dialect,
  type LocateRequest,
  type LocateResponse,
  type LogicalPlan,
  type ParseDslRequest,
  type ParseResponse,
  type ParseSqlRequest,
  type ReadColumns,
  sourceIdPattern,
  type TransformRequest,
  type TransformResponse,
} from '@hybridstore/contracts';
import { type OptimizationStep, stepsOfLevel } from '@hybridstore/plan';
import {
  assert,
  columnsVersion,
  HybridStoreError,
  LruCache,
  requireSource,
  type TenantCaller,
  userOf,
} from '@hybridstore/runtime';
import type { ParseCall, ParseOutcome, SqlParser } from '@hybridstore/sql';
import { normalizeText, readTokens } from '@hybridstore/sql';
import { type ParameterValues, typesOfParameters, withParameters } from '@hybridstore/sql/parameters';
import { isTemporary, type SchemaSource, type Schemas } from './schema-source.ts';

export type InterpreterSettings = {
  readonly dialect: Dialect;
  readonly isStrict: boolean;
  readonly supportedFunctions?: ReadonlySet<string> | undefined;
  readonly dslDepthMax: number;
  readonly isDslValidated: boolean;
  readonly steps: ReadonlySet<OptimizationStep>;
  readonly cachedPlansMax: number;
};

export type InterpreterParts = {
  readonly settings: InterpreterSettings;
  readonly parser: SqlParser;
  readonly schemas: SchemaSource;
};

export type Call = { readonly caller: TenantCaller; readonly signal: AbortSignal };

/** Texts and DSL queries to plans, and plans to better plans. Runs nothing. */
export class Interpreter {
  readonly #parts: InterpreterParts;
  readonly #plans: LruCache<string, ParseOutcome>;

  constructor(parts: InterpreterParts) {
    this.#parts = parts;
    this.#plans = new LruCache(parts.settings.cachedPlansMax);
  }

  async parseSql(request: ParseSqlRequest, call: Call): Promise<ParseResponse> {
    const dialect = request.dialect ?? this.#parts.settings.dialect;
    const values: ParameterValues = request.parameters ?? [];
    const liftsLiterals = request.lift_literals === true && request.parameters === undefined;
    const { result, schemas } = await this.#withSchemas(
      call,
      {
        mentioned: () => wordsOf(request.query, dialect),
        readsAllColumns: mayReadAllColumns(request.query, dialect),
      },
      (known) => this.#parse({ text: request.query, dialect, values, liftsLiterals }, known, call),
    );
    const { outcome, cached } = result;
    const hasValues = outcome.parameterKeys.length > 0;
    const plan = cached && hasValues ? withParameters(outcome.plan, outcome.parameterKeys, values) : outcome.plan;
    requireOwnSources(call, plan);
    return {
      ...describePlan(plan, 'sql', outcome.functions),
      dialect,
      cached,
      cross_check: outcome.crossCheck,
      rests_on: columnsOf(plan, schemas),
      parameter_keys: [...outcome.parameterKeys],
      ...(liftsLiterals ? { lifted_literals: [...outcome.lifted] } : {}),
    };
  }

  /** Where a statement says what failed while its plan ran. One that cannot be read any more has no such place. */
  async locate(request: LocateRequest, call: Call): Promise<LocateResponse> {
    const { isStrict, supportedFunctions } = this.#parts.settings;
    const { byId: schemas } = await this.#parts.schemas.schemas(call.caller);
    const dialect = request.dialect ?? this.#parts.settings.dialect;
    const { query: text, parameters = [], failed } = request;
    const task = { text, dialect, schemas, parameters, isStrict, supportedFunctions, failed };
    return { places: [...(await this.#parts.parser.locate(task, ownedBy(call)))] };
  }

  async parseDsl(request: ParseDslRequest, call: Call): Promise<ParseResponse> {
    const { dslDepthMax, isDslValidated } = this.#parts.settings;
    const options = { depthMax: dslDepthMax, isLenient: !isDslValidated };
    const { result, schemas } = await this.#withSchemas(
      call,
      { mentioned: () => [], readsAllColumns: namesNoColumns(request.query) },
      ({ byId }) =>
        this.#parts.parser.compile(
          { query: request.query, schemas: byId, options, steps: this.#allowed(stepsOfLevel('basic')) },
          ownedBy(call),
        ),
    );
    const { plan, functions } = result;
    requireOwnSources(call, plan);
    return {
      ...describePlan(plan, 'dsl', functions),
      dialect: null,
      cached: false,
      cross_check: 'not_asked',
      rests_on: columnsOf(plan, schemas),
      parameter_keys: [],
    };
  }

  /** A plan that no parser made is refused before anything is done with it. */
  async transform(request: TransformRequest, call: Call): Promise<TransformResponse> {
    requireOwnSources(call, request.parsed_query);
    const level = request.optimization_level ?? 'basic';
    const { result } = await this.#withSchemas(
      call,
      {
        mentioned: () => request.parsed_query.tables.map(({ source }) => source),
        readsAllColumns: false,
      },
      ({ byId }) =>
        this.#parts.parser.transform(
          { plan: request.parsed_query, schemas: byId, steps: this.#allowed(stepsOfLevel(level)) },
          ownedBy(call),
        ),
    );
    const { plan, sql, tree, steps } = result;
    return {
      execution_plan: { plan, sql, tree },
      optimization_level: level,
      steps: steps.map((step) => ({ ...step })),
    };
  }

  /**
   * Again with newer schemas where a name is not known, because its source may just have been made, or the column added: as
   * often as that brings the statement further. What reads all columns that there are fails for none: it is looked whether
   * there are others.
   */
  async #withSchemas<T extends { readonly plan: LogicalPlan }>(
    call: Call,
    statement: Reading,
    work: (schemas: Schemas) => Promise<T>,
  ): Promise<{ readonly result: T; readonly schemas: Schemas }> {
    let schemas = await this.#parts.schemas.schemas(call.caller);
    for (let look = 0; ; look += 1) {
      try {
        const result = await work(schemas);
        if (look > 0 || !statement.readsAllColumns) return { result, schemas };
        const ids = result.plan.tables.map(({ source }) => source);
        const newer = ids.length <= sourcesLookedForMax ? await this.#newerSchemas(schemas, call, ids) : undefined;
        if (!newer) return { result, schemas };
        schemas = newer;
      } catch (error) {
        const ids = look < looksMax ? sourcesToLookFor(error, schemas, statement.mentioned) : [];
        const newer = ids.length > 0 ? await this.#parts.schemas.newerThan(schemas, call.caller, ids) : undefined;
        if (!newer) throw error;
        schemas = newer;
      }
    }
  }

  /** Without the catalog, the schemas that were read last go on being used. */
  async #newerSchemas(schemas: Schemas, call: Call, ids: readonly string[]): Promise<Schemas | undefined> {
    try {
      return await this.#parts.schemas.newerThan(schemas, call.caller, ids);
    } catch (error) {
      if (isTemporary(error)) return undefined;
      throw error;
    }
  }

  async #parse(
    statement: Statement,
    schemas: Schemas,
    call: Call,
  ): Promise<{ readonly plan: LogicalPlan; readonly outcome: ParseOutcome; readonly cached: boolean }> {
    const key = cacheKey(statement, schemas);
    const held = this.#plans.get(key);
    if (held) return { plan: held.plan, outcome: held, cached: true };
    const { isStrict, supportedFunctions } = this.#parts.settings;
    const { text, dialect, values, liftsLiterals } = statement;
    // What is always worth doing before a plan is run.
    const steps = this.#allowed(stepsOfLevel('basic'));
    const reading = { isStrict, supportedFunctions, steps, liftsLiterals };
    const task = { text, dialect, schemas: schemas.byId, parameters: values, ...reading };
    const outcome = await this.#parts.parser.parse(task, ownedBy(call));
    this.#plans.set(key, outcome);
    return { plan: outcome.plan, outcome, cached: false };
  }

  #allowed(steps: readonly OptimizationStep[]): readonly OptimizationStep[] {
    return steps.filter((step) => this.#parts.settings.steps.has(step));
  }
}

/** Tenants take turns for the threads, and the users of each. */
function ownedBy({ caller, signal }: Call): ParseCall {
  return { owner: { tenant: caller.tenant, user: userOf(caller) }, signal };
}

/** The catalog shows readable sources only; the rule is checked again where a plan is taken or given. */
function requireOwnSources({ caller }: Call, plan: LogicalPlan): void {
  for (const { source } of plan.tables) requireSource(caller, 'read', source);
}

type Statement = {
  readonly text: string;
  readonly dialect: Dialect;
  readonly values: ParameterValues;
  readonly liftsLiterals: boolean;
};

/** Values are not part of it, their types are: a plan for a number is not one for a text. */
function cacheKey({ text, dialect, values, liftsLiterals }: Statement, schemas: Schemas): string {
  const normalized = normalizeText(readTokens(text, dialect));
  const parts = [dialect, schemas.version, liftsLiterals, typesOfParameters(values), normalized];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function columnsOf({ tables }: LogicalPlan, { byId }: Schemas): ReadColumns[] {
  return tables.map(({ source }) => {
    const schema = byId.get(source);
    assert(schema, `a plan reads ${source}, which its schemas do not hold`);
    return { source_id: source, columns: columnsVersion(schema.columns) };
  });
}

function describePlan(plan: LogicalPlan, kind: 'sql' | 'dsl', functions: readonly string[]) {
  return {
    parsed_query: plan,
    query_type: kind,
    tables: plan.tables.map((table) => table.source),
    functions: [...functions],
  };
}

/** What the words of a statement say of the sources that it reads. */
type Reading = {
  readonly mentioned: () => readonly string[];
  readonly readsAllColumns: boolean;
};

/** The table that is not known, or the known ones that may have got the column. */
function sourcesToLookFor(error: unknown, { byId }: Schemas, mentioned: () => readonly string[]): readonly string[] {
  if (!(error instanceof HybridStoreError) || error.code !== 'invalid_request') return [];
  const { is_unknown_name: isUnknown, source_id: ofField, unknown_table: table } = error.details;
  const named = [ofField, table].filter((name) => typeof name === 'string');
  if (named.length > 0) return named.map((name) => name.toLowerCase()).filter((name) => sourceIdForm.test(name));
  return isUnknown === true
    ? [...new Set(mentioned())].filter((name) => byId.has(name)).slice(0, sourcesLookedForMax)
    : [];
}

const sourceIdForm = new RegExp(sourceIdPattern);
/** A statement that names so many new sources is given up. */
const looksMax = 16;
const sourcesLookedForMax = 32;

function namesNoColumns(query: ParseDslRequest['query']): boolean {
  return query.query_type !== 'aggregate' && !('columns' in query && query.columns !== undefined);
}

/** Words behind which a star means all columns; behind others it multiplies. */
const beforeStar: ReadonlySet<string> = new Set(['select', 'distinct', 'all', ',', '.', ')']);
/** `FROM t` without SELECT, at the beginning of a query. */
const beforeFirstFrom: ReadonlySet<string> = new Set([
  '(',
  'union',
  'except',
  'intersect',
  'all',
  'distinct',
  'name',
  'as',
]);
const allColumnsWords: ReadonlySet<string> = new Set(['natural', 'columns', 'table']);

/** Whether a statement may mean columns that it does not name. Says yes rather than no. */
function mayReadAllColumns(text: string, dialect: Dialect): boolean {
  const words = readTokens(text, dialect).map((token) => token.text.toLowerCase());
  return words.some((word, place) => {
    const before = words[place - 1] ?? '(';
    if (word === '*') return beforeStar.has(before);
    return word === 'from' ? beforeFirstFrom.has(before) : allColumnsWords.has(word);
  });
}

function wordsOf(text: string, dialect: Dialect): readonly string[] {
  return readTokens(text, dialect)
    .filter(({ kind }) => kind === 'word' || kind === 'quoted')
    .map((token) => token.text.replaceAll(/["`]/g, '').toLowerCase());
}
