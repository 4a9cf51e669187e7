import type { BindContext } from '../bind/context.ts';
import { maskPrefix } from '../syntax/prepared-text.ts';
import { type Fields, isNode, kindOf, type SyntaxNode, words } from '../syntax/syntax-tree.ts';

/** A call in one shape, whichever of the parser's several hundred kinds of node it came as. */
export type Call = {
  /** As the dialect calls it, in lower case. */
  readonly name: string;
  readonly operands: readonly SyntaxNode[];
  readonly isStar: boolean;
  readonly distinct: boolean;
  readonly filter?: SyntaxNode | undefined;
  readonly orderBy: readonly SyntaxNode[];
  readonly isWithinGroup: boolean;
  readonly nulls?: 'ignore' | 'respect' | undefined;
  readonly over?: SyntaxNode | undefined;
};

/** Kinds that stand for one function: its name, then the fields that hold its arguments. */
const shapes: Readonly<Record<string, readonly [name: string, ...fields: string[]]>> = {
  upper: ['upper', 'this'],
  lower: ['lower', 'this'],
  reverse: ['reverse', 'this'],
  l_trim: ['ltrim', 'this'],
  r_trim: ['rtrim', 'this'],
  coalesce: ['coalesce', 'expressions'],
  nvl: ['ifnull', 'this', 'expression'],
  if_null: ['ifnull', 'this', 'expression'],
  null_if: ['nullif', 'this', 'expression'],
  if_func: ['if', 'condition', 'true_value', 'false_value'],
  greatest: ['greatest', 'expressions'],
  least: ['least', 'expressions'],
  str_position: ['strpos', 'this', 'substr', 'position'],
  substring: ['substring', 'this', 'start', 'length'],
  overlay: ['overlay', 'this', 'replacement', 'from', 'length'],
  contains: ['contains', 'this', 'expression'],
  starts_with: ['starts_with', 'this', 'expression'],
  ends_with: ['ends_with', 'this', 'expression'],
  levenshtein: ['levenshtein', 'this', 'expression'],
  ascii: ['ascii', 'this'],
  chr: ['chr', 'this'],
  unicode: ['unicode', 'this'],
  abs: ['abs', 'this'],
  floor: ['floor', 'this'],
  ceil: ['ceil', 'this'],
  sqrt: ['sqrt', 'this'],
  cbrt: ['cbrt', 'this'],
  exp: ['exp', 'this'],
  ln: ['ln', 'this'],
  log: ['log', 'base', 'this'],
  sign: ['sign', 'this'],
  rand: ['rand', 'seed'],
  random: ['random'],
  pi: ['pi'],
  degrees: ['degrees', 'this'],
  radians: ['radians', 'this'],
  sin: ['sin', 'this'],
  cos: ['cos', 'this'],
  tan: ['tan', 'this'],
  asin: ['asin', 'this'],
  acos: ['acos', 'this'],
  atan: ['atan', 'this'],
  atan2: ['atan2', 'this', 'expression'],
  is_nan: ['isnan', 'this'],
  is_inf: ['isinf', 'this'],
  bitwise_count: ['bit_count', 'this'],
  year: ['year', 'this'],
  month: ['month', 'this'],
  day: ['day', 'this'],
  day_of_month: ['day', 'this'],
  hour: ['hour', 'this'],
  minute: ['minute', 'this'],
  second: ['second', 'this'],
  day_of_week: ['dayofweek', 'this'],
  day_of_year: ['dayofyear', 'this'],
  week_of_year: ['weekofyear', 'this'],
  quarter: ['quarter', 'this'],
  last_day: ['last_day', 'this'],
  epoch: ['epoch', 'this'],
  epoch_ms: ['epoch_ms', 'this'],
  date: ['date', 'this'],
  time: ['time', 'this'],
  typeof: ['typeof', 'this'],
  to_json: ['to_json', 'this'],
  json_type: ['json_type', 'this'],
  json_keys: ['json_keys', 'this'],
  json_array_length: ['json_array_length', 'this'],
  json_array: ['json_array', 'expressions'],
  j_s_o_n_array: ['json_array', 'expressions'],
  json_merge_patch: ['json_merge_patch', 'this', 'expression'],
  array_length: ['array_length', 'this'],
  cardinality: ['cardinality', 'this'],
  array_contains: ['list_contains', 'this', 'expression'],
  array_position: ['list_position', 'this', 'expression'],
  array_append: ['list_append', 'this', 'expression'],
  array_prepend: ['array_prepend', 'this', 'expression'],
  array_distinct: ['list_distinct', 'this'],
  array_reverse: ['list_reverse', 'this'],
  array_to_string: ['array_to_string', 'this', 'separator'],
  map_keys: ['map_keys', 'this'],
  map_values: ['map_values', 'this'],
  element_at: ['map_extract', 'this', 'expression'],
  row_number: ['row_number'],
  rank: ['rank'],
  dense_rank: ['dense_rank'],
  percent_rank: ['percent_rank'],
  cume_dist: ['cume_dist'],
  n_tile: ['ntile', 'num_buckets'],
  lag: ['lag', 'this', 'offset', 'default'],
  lead: ['lead', 'this', 'offset', 'default'],
  first_value: ['first_value', 'this'],
  last_value: ['last_value', 'this'],
  nth_value: ['nth_value', 'this', 'offset'],
  j_s_o_n_array_agg: ['json_arrayagg', 'this'],
  group_concat: ['group_concat', 'this', 'separator'],
  string_agg: ['string_agg', 'this', 'separator'],
  list_agg: ['listagg', 'this', 'separator'],
};

/** Aggregates of one argument whose kind is not their name. */
const aggregates: Readonly<Record<string, string>> = {
  sum: 'sum',
  avg: 'avg',
  min: 'min',
  max: 'max',
  median: 'median',
  mode: 'mode',
  first: 'first',
  last: 'last',
  any_value: 'any_value',
  array_agg: 'array_agg',
  stddev: 'stddev',
  stddev_pop: 'stddev_pop',
  stddev_samp: 'stddev_samp',
  variance: 'variance',
  var_pop: 'var_pop',
  var_samp: 'var_samp',
  count_if: 'count_if',
  approx_distinct: 'approx_count_distinct',
  approx_count_distinct: 'approx_count_distinct',
  logical_and: 'bool_and',
  logical_or: 'bool_or',
  skewness: 'skewness',
  bitwise_and_agg: 'bit_and',
  bitwise_or_agg: 'bit_or',
  bitwise_xor_agg: 'bit_xor',
};

export function readCall(fields: Fields, context: BindContext): Call {
  switch (fields.kind) {
    case 'window_function': {
      const inner = innerCall(fields, 'this', context);
      if (inner.over) throw fields.refuse('a call has one OVER');
      return { ...inner, over: fields.required('over') };
    }
    case 'within_group': {
      const inner = innerCall(fields, 'this', context);
      if (inner.orderBy.length > 0) throw fields.refuse('a call has one ORDER BY');
      return { ...inner, orderBy: fields.list('order_by'), isWithinGroup: true };
    }
    case 'filter': {
      const inner = innerCall(fields, 'this', context);
      if (inner.filter) throw fields.refuse('a call has one FILTER');
      return { ...inner, filter: fields.required('expression') };
    }
    case 'function':
    case 'aggregate_function':
      return { ...modifiers(fields), name: plainName(fields), operands: fields.list('args') };
    case 'count':
      return readCount(fields);
    case 'json_object':
      return { ...modifiers(fields), name: 'json_object', operands: pairs(fields) };
    case 'trim':
      return readTrim(fields);
    case 'j_s_o_n_object_agg':
      return { ...modifiers(fields), name: 'json_objectagg', operands: keyAndValue(fields, context) };
    default:
      return readShape(fields);
  }
}

function readCount(fields: Fields): Call {
  const isStar = fields.flag('star');
  const operands = present([fields.optional('this')]);
  if (operands.length === 0) fields.ignore('star', 'COUNT() counts rows as well, where it is allowed');
  if (isStar && operands.length > 0) throw fields.refuse('COUNT takes * or a value, not both');
  return { ...modifiers(fields), name: 'count', operands, isStar };
}

const trims: Readonly<Record<string, string>> = { Leading: 'ltrim', Trailing: 'rtrim', Both: 'trim' };

/** TRIM(LEADING 'x' FROM a) is ltrim(a, 'x'). */
function readTrim(fields: Fields): Call {
  const name = trims[fields.text('position') ?? 'Both'];
  if (name === undefined) throw fields.refuse('TRIM takes BOTH, LEADING or TRAILING');
  return { ...modifiers(fields), name, operands: present([fields.optional('this'), fields.optional('characters')]) };
}

function innerCall(fields: Fields, name: string, context: BindContext): Call {
  const inner = context.fields(fields.required(name));
  const call = readCall(inner, context);
  inner.finish();
  return call;
}

function readShape(fields: Fields): Call {
  const aggregate = aggregates[fields.kind];
  if (aggregate !== undefined) {
    const name = fields.text('name')?.toLowerCase() ?? aggregate;
    const operand = fields.optional('this');
    const isEmpty = operand !== undefined && kindOf(operand) === 'null' && fields.kind === 'mode';
    return { ...modifiers(fields), name, operands: isEmpty ? [] : present([operand]) };
  }
  const shape = shapes[fields.kind];
  if (!shape) throw fields.refuse(`${words(fields.kind)} is not supported`, { name: fields.kind });
  const [name, ...names] = shape;
  const operands = names.flatMap((field) => {
    const value = fields.value(field);
    return Array.isArray(value) ? fields.list(field) : present([fields.optional(field)]);
  });
  if (fields.value('from_first') === false) throw fields.refuse('FROM LAST is not supported; sort the other way');
  return { ...modifiers(fields), name, operands };
}

function plainName(fields: Fields): string {
  const name = (fields.text('name') ?? '').toLowerCase();
  return name.startsWith(maskPrefix) ? name.slice(maskPrefix.length) : name;
}

function modifiers(fields: Fields): Omit<Call, 'name' | 'operands'> {
  return {
    isStar: false,
    distinct: fields.flag('distinct'),
    filter: fields.optional('filter'),
    orderBy: fields.list('order_by'),
    isWithinGroup: false,
    nulls: fields.flag('ignore_nulls') ? 'ignore' : undefined,
  };
}

function present(nodes: readonly (SyntaxNode | undefined)[]): readonly SyntaxNode[] {
  return nodes.filter((node) => node !== undefined);
}

function pairs(fields: Fields): readonly SyntaxNode[] {
  const nodes: unknown = fields.value('pairs') ?? [];
  const flat: readonly unknown[] = Array.isArray(nodes) ? nodes.flat() : [nodes];
  if (!flat.every(isNode)) throw fields.refuse('JSON_OBJECT takes keys and values');
  return flat;
}

/** The parser reads the key of JSON_OBJECTAGG as a bare word, which here is always a column. */
function keyAndValue(fields: Fields, context: BindContext): readonly SyntaxNode[] {
  const [pair, more] = fields.list('expressions');
  if (!pair || more || kindOf(pair) !== 'j_s_o_n_key_value')
    throw fields.refuse('JSON_OBJECTAGG takes a key and a value');
  const parts = context.fields(pair);
  const key = parts.required('this');
  const value = parts.required('expression');
  parts.finish();
  const bare = kindOf(key) === 'var' ? context.fields(key).text('this') : undefined;
  return [bare === undefined ? key : { column: { name: { name: bare } } }, value];
}
