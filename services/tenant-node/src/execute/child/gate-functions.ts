import { planFunctions } from '@hybridstore/plan';

const operators = [
  ...['+', '-', '*', '/', '//', '%', '**', '^', '&', '|', '~', '<<', '>>', '||'],
  ...['~~', '!~~', '~~*', '!~~*', 'like_escape', 'not_like_escape', 'ilike_escape', 'not_ilike_escape', 'xor'],
];
const specialForms = [
  ...['count_star', 'date_part', 'generate_series', 'generate_subscripts', 'range', 'unnest'],
  ...['json_extract', 'json_extract_string', 'list_extract', 'list_value', 'row', 'struct_extract', 'struct_pack'],
  ...['to_microseconds', 'to_milliseconds', 'to_seconds', 'to_minutes', 'to_hours', 'to_days', 'to_months', 'to_years'],
  ...['epoch_us', 'make_timestamp', 'now', 'list_transform'],
];

/** A spelling that stands for a whole call names every function in front of a parenthesis. */
function namesIn(spelling: string): readonly string[] {
  if (!spelling.includes('(')) return [spelling];
  return [...spelling.matchAll(/([a-z_][a-z0-9_]*)\(/gi)].map((match) => match[1] ?? '');
}

/**
 * DuckDB names of the functions that a printed plan may call: those of the plan's own table, and those into which the
 * printer and DuckDB's parser turn operators, literals and special forms.
 */
export const gateFunctions: ReadonlySet<string> = new Set([
  ...operators,
  ...specialForms,
  ...planFunctions.flatMap((known) => namesIn(known.duckdb)).map((name) => name.toLowerCase()),
]);
