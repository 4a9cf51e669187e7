import { HybridStoreError, type PlanExpression } from '@hybridstore/contracts';
import type { ParameterList } from '@hybridstore/plan';
import { parseTimestampMicros, timestampText } from '@hybridstore/plan';

export type DslScalar = string | number | boolean;

/** The parameter that a condition binds for a value compared with a column of `type`; `invalid_request` when it does not fit. */
export function typedValue(
  value: DslScalar,
  target: { readonly path: string; readonly type: string },
  parameters: ParameterList,
): PlanExpression {
  const typed = typeValue(value, target.type);
  if (typed) return parameters.add(typed.type, typed.value);
  if (parameters.isLenient) return parameters.add('string', String(value));
  throw new HybridStoreError(
    'invalid_request',
    `field ${target.path}: expected a value of type ${target.type}, found ${JSON.stringify(value).slice(0, 100)}`,
    { field: target.path, expected: target.type, actual: typeof value },
  );
}

function typeValue(value: DslScalar, type: string): { readonly type: string; readonly value: DslScalar } | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? { type, value } : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? { type, value } : undefined;
    case 'date':
      return typeof value === 'string' ? dateValue(value) : undefined;
    case 'timestamp':
      return typeof value === 'string' ? timestampValue(value) : undefined;
    case 'double':
      return typeof value === 'boolean' ? undefined : numberValue(String(value), 'double');
    default:
      return typeof value === 'boolean' ? undefined : exactValue(value);
  }
}

function dateValue(value: string) {
  if (parseTimestampMicros(value) === undefined) return undefined;
  return value.length === 10 ? { type: 'date', value } : timestampValue(value);
}

function timestampValue(value: string) {
  const micros = parseTimestampMicros(value);
  return micros === undefined ? undefined : { type: 'timestamp', value: timestampText(micros) };
}

function numberValue(value: string, type: string) {
  return /^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$/.test(value) && Number.isFinite(Number(value))
    ? { type, value: Number(value) }
    : undefined;
}

/** Integers and decimals keep every digit; text carries what a JSON number cannot. */
function exactValue(value: string | number) {
  const digits = String(value);
  if (/^-?\d{1,15}$/.test(digits)) return { type: 'bigint', value: Number(digits) };
  if (/^-?\d{16,38}$/.test(digits)) return { type: 'hugeint', value: digits };
  const [, whole = '', fraction = ''] = /^-?(\d{1,37})\.(\d{1,37})$/.exec(digits) ?? [];
  if (fraction !== '' && whole.length + fraction.length <= 38)
    return { type: `decimal(38,${fraction.length})`, value: digits };
  return numberValue(digits, 'double');
}
