import type { Dialect } from '@hybridstore/contracts';

/**
 * Every function that a plan may call: canonical name, DuckDB's spelling, how many arguments, what it returns. Allowed by
 * being here; nothing that reads files, settings, catalogs or the environment is. A dialect's other names for the same
 * function are `aliases`; functions whose arguments or meaning differ by dialect are translated in the interpreter.
 */
export type FunctionKind = 'scalar' | 'aggregate' | 'window';
/** A data type, or how the type follows from the arguments: `first`, `common` (of all), `number` (double or the first's). */
export type ReturnType =
  | 'string'
  | 'boolean'
  | 'bigint'
  | 'double'
  | 'date'
  | 'timestamp'
  | 'interval'
  | 'json'
  | 'list'
  | 'first'
  | 'common'
  | 'unknown';

/** What a plan may fail with, in words that are shown. */
export const planErrors = {
  divisionByZero: 'division by zero',
  outOfRange: 'a value is out of range',
  negativeLength: 'a length is negative',
  notAnArray: 'a JSON value is no array',
  notAnObject: 'a JSON value is no object',
  notWhole: 'a text is no whole number',
  objectInArray: 'json_contains looks for no objects among the elements of an array',
  jsonTooDeep: 'a JSON value holds more arrays and objects than json_contains takes',
} as const;

export type PlanFunction = {
  readonly name: string;
  /** A spelling that holds `(` stands for the whole call. */
  readonly duckdb: string;
  readonly kind: FunctionKind;
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly returns: ReturnType;
  readonly aliases: Partial<Readonly<Record<Dialect, readonly string[]>>>;
  readonly knownText?: KnownText;
  /** An argument that says how much to make, bounded where it is printed. */
  readonly countArgument?: number;
};
/** An argument whose text the plan must know, since the engine trusts it too far. */
export type KnownText = { readonly argument: number; readonly as: 'date_format' | 'pattern' };

type Extra = Pick<Partial<PlanFunction>, 'duckdb' | 'aliases' | 'knownText' | 'countArgument'>;
const many = 10_000;

function entry(kind: FunctionKind, name: string, counts: readonly [number, number], returns: ReturnType, extra: Extra) {
  const [argumentsMin, argumentsMax] = counts;
  return {
    name,
    kind,
    argumentsMin,
    argumentsMax,
    returns,
    duckdb: extra.duckdb ?? name,
    aliases: extra.aliases ?? {},
    ...(extra.knownText ? { knownText: extra.knownText } : {}),
    ...(extra.countArgument === undefined ? {} : { countArgument: extra.countArgument }),
  };
}
const scalar = (name: string, min: number, max: number, returns: ReturnType, extra: Extra = {}): PlanFunction =>
  entry('scalar', name, [min, max], returns, extra);
const aggregate = (name: string, min: number, max: number, returns: ReturnType, extra: Extra = {}): PlanFunction =>
  entry('aggregate', name, [min, max], returns, extra);
const window = (name: string, min: number, max: number, returns: ReturnType): PlanFunction =>
  entry('window', name, [min, max], returns, {});

const dateFormat: Extra = { knownText: { argument: 1, as: 'date_format' } };
const pattern: Extra = { knownText: { argument: 1, as: 'pattern' } };
const all = (...names: string[]): PlanFunction['aliases'] => ({ mysql: names, postgresql: names, duckdb: names });

const textFunctions = [
  scalar('upper', 1, 1, 'string', { aliases: { mysql: ['ucase'], duckdb: ['ucase'] } }),
  scalar('lower', 1, 1, 'string', { aliases: { mysql: ['lcase'], duckdb: ['lcase'] } }),
  scalar('length', 1, 1, 'bigint', { aliases: all('char_length', 'character_length') }),
  scalar('strlen', 1, 1, 'bigint', { aliases: { postgresql: ['octet_length'], mysql: ['octet_length'] } }),
  scalar('trim', 1, 2, 'string', { aliases: { postgresql: ['btrim'] } }),
  scalar('ltrim', 1, 2, 'string'),
  scalar('rtrim', 1, 2, 'string'),
  scalar('substring', 2, 3, 'string', { aliases: all('substr') }),
  scalar('left', 2, 2, 'string'),
  scalar('right', 2, 2, 'string'),
  scalar('repeat', 2, 2, 'string', { countArgument: 1 }),
  scalar('replace', 3, 3, 'string'),
  scalar('reverse', 1, 1, 'string'),
  scalar('lpad', 3, 3, 'string', { countArgument: 1 }),
  scalar('rpad', 3, 3, 'string', { countArgument: 1 }),
  scalar('concat', 1, many, 'string'),
  scalar('concat_ws', 2, many, 'string'),
  scalar('starts_with', 2, 2, 'boolean', { aliases: { duckdb: ['prefix'] } }),
  scalar('ends_with', 2, 2, 'boolean', { aliases: { duckdb: ['suffix'] } }),
  scalar('contains', 2, 2, 'boolean'),
  scalar('strpos', 2, 2, 'bigint', { aliases: { mysql: ['instr'], duckdb: ['instr', 'position'] } }),
  scalar('split_part', 3, 3, 'string'),
  scalar('string_split', 2, 2, 'list', {
    aliases: { duckdb: ['str_split', 'split'], postgresql: ['string_to_array'] },
  }),
  scalar('array_to_string', 2, 2, 'string', { aliases: { duckdb: ['list_to_string'] } }),
  scalar('regexp_matches', 2, 3, 'boolean', {
    ...pattern,
    aliases: { mysql: ['regexp_like'], postgresql: ['regexp_like'] },
  }),
  scalar('regexp_full_match', 2, 3, 'boolean', pattern),
  scalar('regexp_replace', 3, 4, 'string', pattern),
  scalar('regexp_extract', 2, 4, 'string', pattern),
  scalar('regexp_extract_all', 2, 4, 'list', pattern),
  scalar('translate', 3, 3, 'string'),
  scalar('ascii', 1, 1, 'bigint'),
  scalar('unicode', 1, 1, 'bigint', { aliases: { duckdb: ['ord'] } }),
  scalar('chr', 1, 1, 'string'),
  scalar('md5', 1, 1, 'string'),
  scalar('sha256', 1, 1, 'string'),
  scalar('hash', 1, many, 'bigint'),
  scalar('levenshtein', 2, 2, 'bigint', { aliases: { duckdb: ['editdist3'] } }),
  scalar('jaro_winkler_similarity', 2, 2, 'double'),
  scalar('jaro_similarity', 2, 2, 'double'),
  scalar('jaccard', 2, 2, 'double'),
  scalar('hamming', 2, 2, 'bigint'),
  scalar('strip_accents', 1, 1, 'string'),
  scalar('to_base', 2, 3, 'string'),
  scalar('bar', 3, 4, 'string'),
];

const numberFunctions = [
  scalar('abs', 1, 1, 'first'),
  scalar('ceil', 1, 1, 'first', { aliases: all('ceiling') }),
  scalar('floor', 1, 1, 'first'),
  scalar('round', 1, 2, 'first'),
  scalar('round_even', 2, 2, 'double'),
  scalar('trunc', 1, 1, 'first'),
  scalar('sign', 1, 1, 'bigint'),
  scalar('sqrt', 1, 1, 'double'),
  scalar('cbrt', 1, 1, 'double'),
  scalar('exp', 1, 1, 'double'),
  scalar('ln', 1, 1, 'double'),
  scalar('log10', 1, 1, 'double'),
  scalar('log2', 1, 1, 'double'),
  scalar('log', 1, 2, 'double'),
  scalar('pow', 2, 2, 'double', { aliases: all('power') }),
  scalar('sin', 1, 1, 'double'),
  scalar('cos', 1, 1, 'double'),
  scalar('tan', 1, 1, 'double'),
  scalar('cot', 1, 1, 'double'),
  scalar('asin', 1, 1, 'double'),
  scalar('acos', 1, 1, 'double'),
  scalar('atan', 1, 1, 'double'),
  scalar('atan2', 2, 2, 'double'),
  scalar('sinh', 1, 1, 'double'),
  scalar('cosh', 1, 1, 'double'),
  scalar('tanh', 1, 1, 'double'),
  scalar('degrees', 1, 1, 'double'),
  scalar('radians', 1, 1, 'double'),
  scalar('pi', 0, 0, 'double'),
  scalar('random', 0, 0, 'double', { aliases: { mysql: ['rand'] } }),
  scalar('greatest', 1, many, 'common'),
  scalar('least', 1, many, 'common'),
  scalar('gcd', 2, 2, 'bigint', { aliases: { duckdb: ['greatest_common_divisor'] } }),
  scalar('lcm', 2, 2, 'bigint', { aliases: { duckdb: ['least_common_multiple'] } }),
  scalar('factorial', 1, 1, 'bigint'),
  scalar('even', 1, 1, 'first'),
  scalar('isnan', 1, 1, 'boolean'),
  scalar('isinf', 1, 1, 'boolean'),
  scalar('isfinite', 1, 1, 'boolean'),
  scalar('bit_count', 1, 1, 'bigint'),
];

const timeFunctions = [
  scalar('current_timestamp', 0, 0, 'timestamp', { duckdb: 'make_timestamp(epoch_us(now()))' }),
  scalar('current_date', 0, 0, 'date', { duckdb: 'CAST(make_timestamp(epoch_us(now())) AS DATE)' }),
  scalar('date_trunc', 2, 2, 'timestamp'),
  scalar('date_diff', 3, 3, 'bigint', { aliases: { duckdb: ['datediff'] } }),
  scalar('date_sub', 3, 3, 'bigint', { aliases: { duckdb: ['datesub'] } }),
  scalar('strftime', 2, 2, 'string', dateFormat),
  scalar('strptime', 2, 2, 'timestamp', dateFormat),
  scalar('try_strptime', 2, 2, 'timestamp', dateFormat),
  scalar('make_date', 3, 3, 'date'),
  scalar('make_time', 3, 3, 'unknown'),
  scalar('make_timestamp', 1, 6, 'timestamp'),
  scalar('epoch', 1, 1, 'double'),
  scalar('epoch_ms', 1, 1, 'bigint'),
  scalar('epoch_us', 1, 1, 'bigint'),
  scalar('last_day', 1, 1, 'date'),
  scalar('dayname', 1, 1, 'string'),
  scalar('monthname', 1, 1, 'string'),
  scalar('age', 2, 2, 'interval'),
  scalar('time_bucket', 2, 3, 'first'),
  scalar('julian', 1, 1, 'double'),
];

const conditionFunctions = [
  scalar('coalesce', 1, many, 'common'),
  scalar('nullif', 2, 2, 'first'),
  scalar('typeof', 1, 1, 'string'),
  scalar('grouping', 1, 64, 'bigint', { aliases: { duckdb: ['grouping_id'] } }),
  /** Fails the statement with one of `planErrors`; the interpreter writes it where a dialect demands an error. */
  scalar('error', 1, 1, 'unknown'),
  scalar('uuid', 0, 0, 'unknown', {
    aliases: { mysql: ['uuid'], postgresql: ['gen_random_uuid'], duckdb: ['gen_random_uuid'] },
  }),
];

const jsonFunctions = [
  scalar('json_extract', 2, 2, 'json'),
  scalar('json_extract_string', 2, 2, 'string', { aliases: { duckdb: ['json_extract_path_text'] } }),
  scalar('json_type', 1, 2, 'string', { aliases: { postgresql: ['json_typeof', 'jsonb_typeof'] } }),
  scalar('json_valid', 1, 1, 'boolean'),
  scalar('json_array_length', 1, 2, 'bigint', {
    aliases: { mysql: ['json_length'], postgresql: ['jsonb_array_length'] },
  }),
  scalar('json_keys', 1, 2, 'list'),
  scalar('json_exists', 2, 2, 'boolean'),
  scalar('json_contains', 2, 2, 'boolean'),
  scalar('json_object', 0, many, 'json', { aliases: { postgresql: ['json_build_object', 'jsonb_build_object'] } }),
  scalar('json_array', 0, many, 'json', { aliases: { postgresql: ['json_build_array', 'jsonb_build_array'] } }),
  scalar('to_json', 1, 1, 'json', { aliases: { postgresql: ['to_jsonb'] } }),
];

const listFunctions = [
  scalar('len', 1, 1, 'bigint', { aliases: { postgresql: ['cardinality'], duckdb: ['array_length', 'list_length'] } }),
  scalar('list_contains', 2, 2, 'boolean', { aliases: { duckdb: ['array_contains', 'list_has', 'array_has'] } }),
  scalar('list_position', 2, 2, 'bigint', { aliases: { duckdb: ['array_position'], postgresql: ['array_position'] } }),
  scalar('list_sort', 1, 3, 'first', { aliases: { duckdb: ['array_sort'] } }),
  scalar('list_reverse_sort', 1, 2, 'first'),
  scalar('list_distinct', 1, 1, 'first', { aliases: { duckdb: ['array_distinct'] } }),
  scalar('list_unique', 1, 1, 'bigint'),
  scalar('list_sum', 1, 1, 'unknown'),
  scalar('list_avg', 1, 1, 'double'),
  scalar('list_min', 1, 1, 'unknown'),
  scalar('list_max', 1, 1, 'unknown'),
  scalar('list_concat', 2, 2, 'first', {
    aliases: { duckdb: ['array_concat', 'list_cat'], postgresql: ['array_cat'] },
  }),
  scalar('list_append', 2, 2, 'first', { aliases: { duckdb: ['array_append'], postgresql: ['array_append'] } }),
  scalar('list_prepend', 2, 2, 'unknown', { aliases: { duckdb: ['array_prepend'], postgresql: ['array_prepend'] } }),
  scalar('list_slice', 3, 3, 'first', { aliases: { duckdb: ['array_slice'] } }),
  scalar('list_has_any', 2, 2, 'boolean', { aliases: { duckdb: ['array_has_any'] } }),
  scalar('list_has_all', 2, 2, 'boolean', { aliases: { duckdb: ['array_has_all'] } }),
  scalar('list_intersect', 2, 2, 'first', { aliases: { duckdb: ['array_intersect'] } }),
  scalar('list_extract', 2, 2, 'unknown', { aliases: { duckdb: ['array_extract', 'list_element'] } }),
  scalar('list_value', 0, many, 'list', { aliases: { duckdb: ['list_pack', 'array_value'] } }),
  scalar('list_reverse', 1, 1, 'first', { aliases: { duckdb: ['array_reverse'] } }),
  scalar('flatten', 1, 1, 'unknown'),
  scalar('struct_extract', 2, 2, 'unknown'),
  scalar('map', 2, 2, 'unknown'),
  scalar('map_keys', 1, 1, 'list'),
  scalar('map_values', 1, 1, 'list'),
  scalar('map_extract', 2, 2, 'unknown', { aliases: { duckdb: ['element_at'] } }),
  scalar('cardinality', 1, 1, 'bigint'),
  /** One row per element; the engine takes it only as an output. */
  scalar('unnest', 1, 1, 'unknown'),
];

const aggregateFunctions = [
  aggregate('count', 0, 1, 'bigint'),
  aggregate('sum', 1, 1, 'unknown'),
  aggregate('avg', 1, 1, 'double', { aliases: { duckdb: ['mean'] } }),
  aggregate('min', 1, 2, 'first'),
  aggregate('max', 1, 2, 'first'),
  aggregate('median', 1, 1, 'first'),
  aggregate('mode', 1, 1, 'first'),
  aggregate('mad', 1, 1, 'first'),
  aggregate('stddev_samp', 1, 1, 'double', { aliases: { postgresql: ['stddev'], duckdb: ['stddev'] } }),
  aggregate('stddev_pop', 1, 1, 'double', { aliases: { mysql: ['std', 'stddev'] } }),
  aggregate('var_samp', 1, 1, 'double', { aliases: { postgresql: ['variance'], duckdb: ['variance'] } }),
  aggregate('var_pop', 1, 1, 'double', { aliases: { mysql: ['variance'] } }),
  aggregate('sem', 1, 1, 'double'),
  aggregate('quantile_cont', 2, 2, 'double'),
  aggregate('quantile_disc', 2, 2, 'first', { aliases: { duckdb: ['quantile'] } }),
  aggregate('approx_count_distinct', 1, 1, 'bigint'),
  aggregate('approx_quantile', 2, 2, 'first'),
  aggregate('string_agg', 1, 2, 'string', { aliases: { duckdb: ['group_concat', 'listagg'] } }),
  aggregate('array_agg', 1, 1, 'list', { aliases: { duckdb: ['list'] } }),
  aggregate('json_group_array', 1, 1, 'json', {
    aliases: { mysql: ['json_arrayagg'], postgresql: ['json_agg', 'jsonb_agg'] },
  }),
  aggregate('json_group_object', 2, 2, 'json', {
    aliases: { mysql: ['json_objectagg'], postgresql: ['json_object_agg', 'jsonb_object_agg'] },
  }),
  aggregate('bool_and', 1, 1, 'boolean', { aliases: { postgresql: ['every'] } }),
  aggregate('bool_or', 1, 1, 'boolean'),
  aggregate('bit_and', 1, 1, 'bigint'),
  aggregate('bit_or', 1, 1, 'bigint'),
  aggregate('bit_xor', 1, 1, 'bigint'),
  aggregate('count_if', 1, 1, 'bigint', { aliases: { duckdb: ['countif'] } }),
  aggregate('any_value', 1, 1, 'first'),
  aggregate('first', 1, 1, 'first', { aliases: { duckdb: ['arbitrary'] } }),
  aggregate('last', 1, 1, 'first'),
  aggregate('arg_min', 2, 2, 'first', { aliases: { duckdb: ['min_by', 'argmin'] } }),
  aggregate('arg_max', 2, 2, 'first', { aliases: { duckdb: ['max_by', 'argmax'] } }),
  aggregate('corr', 2, 2, 'double'),
  aggregate('covar_pop', 2, 2, 'double'),
  aggregate('covar_samp', 2, 2, 'double'),
  aggregate('regr_slope', 2, 2, 'double'),
  aggregate('regr_intercept', 2, 2, 'double'),
  aggregate('regr_r2', 2, 2, 'double'),
  aggregate('regr_count', 2, 2, 'bigint'),
  aggregate('regr_avgx', 2, 2, 'double'),
  aggregate('regr_avgy', 2, 2, 'double'),
  aggregate('regr_sxx', 2, 2, 'double'),
  aggregate('regr_syy', 2, 2, 'double'),
  aggregate('regr_sxy', 2, 2, 'double'),
  aggregate('skewness', 1, 1, 'double'),
  aggregate('kurtosis', 1, 1, 'double'),
  aggregate('entropy', 1, 1, 'double'),
  aggregate('product', 1, 1, 'double'),
  aggregate('geomean', 1, 1, 'double', { aliases: { duckdb: ['geometric_mean'] } }),
  aggregate('fsum', 1, 1, 'double', { aliases: { duckdb: ['sumkahan', 'kahan_sum'] } }),
  aggregate('favg', 1, 1, 'double'),
  aggregate('histogram', 1, 1, 'unknown'),
];

const windowFunctions = [
  window('row_number', 0, 0, 'bigint'),
  window('rank', 0, 0, 'bigint'),
  window('dense_rank', 0, 0, 'bigint'),
  window('percent_rank', 0, 0, 'double'),
  window('cume_dist', 0, 0, 'double'),
  window('ntile', 1, 1, 'bigint'),
  window('lag', 1, 3, 'first'),
  window('lead', 1, 3, 'first'),
  window('first_value', 1, 1, 'first'),
  window('last_value', 1, 1, 'first'),
  window('nth_value', 2, 2, 'first'),
];

export const planFunctions: readonly PlanFunction[] = [
  ...textFunctions,
  ...numberFunctions,
  ...timeFunctions,
  ...conditionFunctions,
  ...jsonFunctions,
  ...listFunctions,
  ...aggregateFunctions,
  ...windowFunctions,
];

const byName: ReadonlyMap<string, PlanFunction> = new Map(planFunctions.map((known) => [known.name, known]));

export function functionNamed(name: string): PlanFunction | undefined {
  return byName.get(name);
}

const byDialect = new Map<string, PlanFunction>();
for (const known of planFunctions) {
  for (const [dialect, names] of Object.entries(known.aliases)) {
    for (const name of names) byDialect.set(`${dialect} ${name}`, known);
  }
}

/** The function that a dialect calls `name` (any case). A dialect's own name wins over a canonical one of the same spelling. */
export function functionOfDialect(name: string, dialect: Dialect): PlanFunction | undefined {
  const lower = name.toLowerCase();
  return byDialect.get(`${dialect} ${lower}`) ?? byName.get(lower);
}

export function isAggregateFunction(name: string): boolean {
  return byName.get(name)?.kind === 'aggregate';
}
