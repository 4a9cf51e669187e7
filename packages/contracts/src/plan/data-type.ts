import { Type } from 'typebox';

/**
 * Types that a plan may name: those of columns plus what casts and literals of SQL need. `decimal(p,s)` as in source
 * schemas; a trailing `[]` is a list. `string` is text of any length.
 */
export const dataTypePattern =
  '^(boolean|tinyint|smallint|integer|bigint|ubigint|hugeint|float|double|string|date|time|timestamp|timestamptz|interval|json|uuid|decimal\\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\\))(\\[\\]){0,3}$';
export const DataType = Type.String({ pattern: dataTypePattern, maxLength: 40 });
export type DataType = string;

/** Units of intervals and of date parts; DuckDB reads every one of them under the same name. */
export const intervalUnits = [
  'microsecond',
  'millisecond',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
] as const;
export type IntervalUnit = (typeof intervalUnits)[number];

export const dateParts = [
  ...intervalUnits,
  'dayofweek',
  'isodow',
  'dayofyear',
  'isoyear',
  'epoch',
  'decade',
  'century',
  'millennium',
] as const;
export type DatePart = (typeof dateParts)[number];
