import type { FailedOperation, LogicalPlan, ParameterKey, PlanQuery } from '@hybridstore/contracts';
import {
  applyCollations,
  checkPlan,
  finishPlan,
  functionsCalled,
  type PlanSchemas,
  walkQuery,
} from '@hybridstore/plan';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { bindQuery } from '../bind/bind-query.ts';
import { requireReadableTimes } from '../bind/constant-times.ts';
import { BindContext, ParameterBinder, type SqlOptions } from '../bind/context.ts';
import { FailedPlaces } from '../bind/failed-places.ts';
import { withLeniency } from '../bind/mysql-leniency.ts';
import { type ParameterValues, readParameters } from '../bind/parameter-values.ts';
import { emptyScope } from '../bind/scope.ts';
import { shownType } from '../bind/types.ts';
import { keepUsedParameters } from '../bind/used-parameters.ts';
import { bindExpression } from '../bind-expression.ts';
import { type Position, refuseSql } from '../syntax/refusal.ts';
import { outermostSelectList } from '../syntax/select-list.ts';
import { type CrossCheck, crossCheckTables } from './cross-check.ts';
import { parseText } from './parse-text.ts';

export type ParsedSql = {
  readonly plan: LogicalPlan;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The caller's key of each of the plan's parameters, by place or name. */
  readonly parameterKeys: readonly ParameterKey[];
  readonly crossCheck: CrossCheck;
  /** Canonical names of the functions that the plan calls, sorted. */
  readonly functions: readonly string[];
};

/**
 * SQL text to a plan: parse, bind names and meaning, have the cross-check parser list the tables, check. Pure but for the parsers'
 * time. Throws `invalid_request` with the place in the text; `details.is_unknown_name` marks a table or column that is not
 * among `schemas`, so that the caller may look for newer ones.
 */
export function parseSql(text: string, schemas: PlanSchemas, options: SqlOptions, values: ParameterValues): ParsedSql {
  try {
    return parseChecked(text, schemas, options, values);
  } catch (error) {
    throw toRefusal(error);
  }
}

/**
 * Where a statement that `parseSql` takes says what failed while its plan ran, in the order of the text; none where only the
 * plan says it, such as a conversion that nobody wrote.
 */
export function locateSql(
  {
    text,
    values,
    failed,
  }: { readonly text: string; readonly values: ParameterValues; readonly failed: FailedOperation },
  schemas: PlanSchemas,
  options: SqlOptions,
): readonly Position[] {
  const { tree, context } = openStatement(text, schemas, options, { values, places: new FailedPlaces(failed) });
  bindQuery(tree, emptyScope, context);
  const places = context.places?.list ?? [];
  const isCalled = failed.kind === 'cast' || failed.kind === 'call';
  return isCalled ? places.map((place) => context.text.callAround(place)) : places;
}

function openStatement(
  text: string,
  schemas: PlanSchemas,
  options: SqlOptions,
  { values, places }: { readonly values: ParameterValues; readonly places?: FailedPlaces },
) {
  const { prepared, tree } = parseText(text, options.dialect);
  const context = new BindContext({
    text: prepared,
    options,
    schemas,
    parameters: new ParameterBinder(values),
    outermost: outermostSelectList(tree, prepared.tokens),
    places,
    query: bindQuery,
    expression: bindExpression,
  });
  return { tree, context };
}

function parseChecked(text: string, schemas: PlanSchemas, options: SqlOptions, values: ParameterValues): ParsedSql {
  const { tree, context } = openStatement(text, schemas, options, { values });
  const { parameters } = context;
  const bound = bindQuery(tree, emptyScope, context);
  parameters.requireAllUsed();
  requireReadableTimes(bound.query, context);
  const used = keepUsedParameters(withLeniency(bound.query, schemas, context), {
    parameters: parameters.list,
    keys: parameters.keys,
  });
  const bindings = readParameters(used.parameters, used.keys);
  const isMysql = options.dialect === 'mysql';
  const { query, undeclared } = applyCollations(used.query, {
    schemas,
    parameters: bindings,
    doPatternsFollow: isMysql,
  });
  if (isMysql) context.warnings.addComparisons(undeclared);
  const plan = finishPlan(query, bindings, context.warnings.list);
  const ours = { sources: plan.tables.map((table) => table.source), commonTables: listCommonTables(plan.query, tree) };
  const crossCheck = crossCheckTables({ text, dialect: options.dialect }, ours);
  checkPlan(plan, schemas);
  return {
    plan,
    columns: bound.outputs.map(({ name, type }) => ({ name, type: shownType(type) })),
    parameterKeys: used.keys,
    crossCheck,
    functions: functionsCalled(plan.query),
  };
}

/** Names of WITH as the statement writes them; the plan may have renamed them. */
function listCommonTables(query: PlanQuery, tree: unknown): readonly string[] {
  const names = new Set<string>();
  walkQuery(query, {
    query: (node) => {
      for (const entry of node.with?.entries ?? []) names.add(entry.name);
    },
  });
  collectAliases(tree, names);
  return [...names];
}

function collectAliases(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if ('ctes' in value && Array.isArray(value.ctes))
    for (const entry of value.ctes) names.add(String(entry?.alias?.name ?? ''));
  for (const child of Object.values(value)) collectAliases(child, names);
}

function toRefusal(error: unknown): unknown {
  // What the plan package refuses knows nothing of a statement; `refuseSql` names the field itself.
  if (isHybridStoreError(error, 'invalid_request'))
    return new HybridStoreError(error.code, error.message, { field: 'query', ...error.details });
  if (error instanceof RangeError)
    return refuseSql('the statement is nested too deeply', undefined, { expected: 'a smaller statement' });
  return error;
}
