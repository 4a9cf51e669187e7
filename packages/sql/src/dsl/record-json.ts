import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, column, compare, integer, literal, text } from '@hybridstore/plan';
import { type Field, type FieldScope, isSchemaless } from './field.ts';

/**
 * The fields of a row as one JSON object, in the form of query results: integers beyond 2^53 and decimals as text, dates
 * YYYY-MM-DD, timestamps ISO 8601 with `Z`, NaN and infinities as text. A schema-less row is its document.
 */
export function recordJson(scope: FieldScope, fields: readonly Field[] | undefined): PlanExpression {
  if (fields) {
    const hasDocument = fields.some((field) => field.kind === 'typed' && field.type === 'json');
    return objectOf(
      fields.map((field) => [field.path, fieldJson(field)]),
      hasDocument,
    );
  }
  if (isSchemaless(scope.columns)) return cast(column(scope.alias, scope.columns[0]?.name ?? ''), 'json');
  return objectOf(
    scope.columns.map(({ name, type }) => [name, valueJson(column(scope.alias, name), type)]),
    scope.columns.some(({ type }) => type === 'json'),
  );
}

type Entry = readonly [name: string, value: PlanExpression];

/** The engine builds objects anew from their values, numbers in documents as doubles; text put together keeps them. */
function objectOf(entries: readonly Entry[], hasDocument: boolean): PlanExpression {
  if (!hasDocument) return call('json_object', ...entries.flatMap(([name, value]) => [text(name), value]));
  const parts = entries.flatMap(([name, value], index) => [
    text(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    call('coalesce', cast(value, 'string'), text('null')),
  ]);
  return cast(call('concat', ...parts, text('}')), 'json');
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
      return choose(call('isfinite', value), call('to_json', value), unboundedJson(value));
    case 'timestamp':
      return call('to_json', momentText(value));
    default:
      return asText;
  }
}

/** As in rows of SQL: milliseconds, or microseconds where there are any. */
function momentText(value: PlanExpression): PlanExpression {
  const micros = arithmetic('modulo', call('epoch_us', value), integer(1_000));
  const format = (fraction: string) => call('strftime', value, text(`%Y-%m-%dT%H:%M:%S.${fraction}Z`));
  return choose(compare('eq', micros, integer(0)), format('%g'), format('%f'));
}

/** The words that a write takes, too. NULL stays NULL. */
function unboundedJson(value: PlanExpression): PlanExpression {
  const word = (name: string) => call('to_json', text(name));
  const zero = literal('double', 0);
  return choose(
    call('isnan', value),
    word('NaN'),
    choose(compare('gt', value, zero), word('Infinity'), choose(compare('lt', value, zero), word('-Infinity'))),
  );
}
