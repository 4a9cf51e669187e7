import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast, choose, column, integer, text } from '../nodes.ts';
import { type Field, type FieldScope, isSchemaless } from './field.ts';

/**
 * The fields of a row as one JSON object, in the form of query results: integers beyond 2^53 and decimals as text, dates
 * YYYY-MM-DD, timestamps ISO 8601 with `Z`, NaN and infinities as text. A schema-less row is its document.
 */
export function recordJson(scope: FieldScope, fields: readonly Field[] | undefined): PlanExpression {
  if (fields) return objectOf(fields.map((field) => [field.path, fieldJson(field)]));
  if (isSchemaless(scope.columns)) return cast(column(scope.alias, scope.columns[0]?.name ?? ''), 'json');
  return objectOf(scope.columns.map(({ name, type }) => [name, valueJson(column(scope.alias, name), type)]));
}

function objectOf(entries: readonly (readonly [string, PlanExpression])[]): PlanExpression {
  return call('json_object', ...entries.flatMap(([name, value]) => [text(name), value]));
}

function fieldJson(field: Field): PlanExpression {
  return field.kind === 'typed' ? valueJson(field.value, field.type) : field.json;
}

function valueJson(value: PlanExpression, type: string): PlanExpression {
  const asText = call('to_json', cast(value, 'string'));
  switch (type) {
    case 'string':
    case 'boolean':
    case 'integer':
      return call('to_json', value);
    case 'json':
      return cast(value, 'json');
    case 'bigint': {
      const limit = Number.MAX_SAFE_INTEGER;
      const isSafe: PlanExpression = {
        kind: 'between',
        value,
        low: integer(-limit),
        high: integer(limit),
        negated: false,
      };
      return choose(isSafe, call('to_json', value), asText);
    }
    case 'double':
      return choose(call('isfinite', value), call('to_json', value), asText);
    case 'timestamp':
      return call('to_json', call('strftime', value, text('%Y-%m-%dT%H:%M:%S.%fZ')));
    default:
      return asText;
  }
}
