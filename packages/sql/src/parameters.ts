import type { LogicalPlan, ParameterInput, ParameterKey, ParameterScalar } from '@hybridstore/contracts';
import { deepFreeze } from '@hybridstore/plan';
import { type ParameterValues, parameterType, parameterValue, readParameters } from './bind/parameter-values.ts';

export type { ParameterValues } from './bind/parameter-values.ts';
export { literalsOf, readShape, type StatementShape, withLiterals } from './lifted-literals.ts';

/** What of a statement's values its plan depends on: a plan for a number is not one for a text. */
export function typesOfParameters(values: ParameterValues): readonly string[] {
  if (Array.isArray(values)) return values.map(typeOf);
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${typeOf(value)}`);
}

/** Lists of another length are other plans. */
function typeOf(value: ParameterInput): string {
  if (!isScalar(value)) return `[${value.map(typeOf).join()}]`;
  return value === null ? 'null' : parameterType(value);
}

function isScalar(value: ParameterInput): value is ParameterScalar {
  return !Array.isArray(value);
}

/**
 * A plan with other values, of the same types, in the places of its parameters. Throws `invalid_request` for one that is
 * none of its parameter's type.
 */
export function withParameters(plan: LogicalPlan, keys: readonly ParameterKey[], values: ParameterValues): LogicalPlan {
  const parameters = plan.parameters.map(({ type }, index) => ({
    type,
    value: parameterValue(values, keys[index] ?? index),
  }));
  return deepFreeze({ ...plan, parameters: readParameters(parameters, keys) });
}
