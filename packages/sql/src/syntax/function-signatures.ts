import type { Dialect } from '@hybridstore/contracts';
import { functionOfDialect, planFunctions } from '@hybridstore/plan';

/**
 * What stands in a place. `unit` is a word (`DAY`); `zone`, `format`, `pattern`, `path` and `key` are read where the plan is made;
 * `any` is any value.
 */
export type ArgumentKind =
  | ArgumentValueKind
  | 'any'
  | 'condition'
  | 'interval'
  | 'list'
  | 'unit'
  | 'zone'
  | 'format'
  | 'pattern'
  | 'path'
  | 'key';
/** Kinds by which the type of a value is judged. */
export type ArgumentValueKind = 'text' | 'number' | 'whole' | 'moment' | 'json';

export type Signature = {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** By place; the last `repeated` of them come round again. */
  readonly kinds: readonly ArgumentKind[];
  /** 1 for a list of values, 2 for pairs of a key and a value, 0 where nothing repeats. */
  readonly repeated: number;
};

const argumentsRepeatedMax = 10_000;
const extract = 'json path';
const moment = 'moment';
const number = 'number';
const text = 'text';

/**
 * Every function of every dialect with what it takes, which is checked here and nowhere else, before a translator sees the
 * call: too many or too few arguments are refused, so none can be dropped.
 *
 *     text whole [text]        two or three arguments
 *     any any...               two or more
 *     [key]... [any]...        any number of pairs
 *
 * What a dialect takes otherwise stands in its own part. A name that stands in none, but in the plan's table of functions,
 * takes as many arguments as that says. This is data of the grammar, which the reading of the text needs as well: calls of
 * these names keep all of their arguments there (`prepared-text.ts`).
 */
const written: Readonly<Record<Dialect | 'all', Readonly<Record<string, string>>>> = {
  all: {
    // Texts
    ...each('upper lower reverse char_length character_length md5 sha256 strip_accents ascii', text),
    length: 'any',
    trim: 'text [text]',
    ltrim: 'text [text]',
    rtrim: 'text [text]',
    ...each('substring substr mid', 'text whole [whole]'),
    ...each('left right repeat', 'text whole'),
    ...each('lpad rpad', 'text whole [text]'),
    replace: 'text text text',
    translate: 'text text text',
    concat: 'any...',
    concat_ws: 'text any...',
    ...each('starts_with ends_with levenshtein jaccard hamming jaro_similarity', 'text text'),
    jaro_winkler_similarity: 'text text',
    strpos: 'text text',
    split_part: 'text text whole',
    string_split: 'text text',
    space: 'whole',
    chr: 'whole',
    regexp_matches: 'text pattern [text]',
    regexp_full_match: 'text pattern [text]',
    regexp_replace: 'text pattern text [text]',
    regexp_extract: 'text pattern [any] [text]',
    regexp_extract_all: 'text pattern [whole] [text]',
    // Conditions
    ...each('if iif', 'condition any any'),
    ...each('ifnull nvl nullif', 'any any'),
    coalesce: 'any...',
    // Numbers
    ...each('abs ceil ceiling floor sign sqrt cbrt exp ln log10 log2 sin cos tan cot asin acos sinh cosh tanh', number),
    ...each('degrees radians factorial even isnan isinf isfinite bit_count', number),
    atan: number,
    ...each('pow power atan2 mod', 'number number'),
    ...each('gcd lcm', 'whole whole'),
    log: 'number [number]',
    ...each('trunc truncate round', 'number [whole]'),
    round_even: 'number whole',
    // Dates and times
    ...each(
      'now current_timestamp localtimestamp sysdate transaction_timestamp statement_timestamp clock_timestamp',
      '',
    ),
    ...each('utc_timestamp get_current_timestamp current_date curdate today utc_date', ''),
    ...each('year month day dayofmonth hour minute second quarter dayofyear weekofyear isodow isoyear', moment),
    ...each('date last_day dayname monthname', moment),
    ...each('date_part datepart', 'unit moment'),
    ...each('date_trunc datetrunc', 'unit moment [zone]'),
    ...each('date_diff timestampdiff', 'unit moment moment'),
    ...each('strptime try_strptime', 'text format'),
    timestampadd: 'unit number moment',
    // JSON
    ...each('json_extract json_extract_string json_value json_query json_exists', extract),
    ...each('json_extract_path json_extract_path_text jsonb_extract_path jsonb_extract_path_text', 'json key...'),
    json_unquote: 'any',
    ...each('json_array_length json_keys', 'json [path]'),
    json_contains: 'json any',
    json_object: '[key]... [any]...',
    json_array: '[any]...',
    // Composites
    row: 'any...',
    array_length: 'list',
    // Aggregates
    count: '[any]',
    string_agg: 'any [text]',
    listagg: 'any [text]',
    ...each('percentile_cont percentile_disc', number),
    mode: '[any]',
  },
  mysql: {
    locate: 'text text [whole]',
    instr: 'text text',
    position: 'text text',
    ascii: text,
    ord: text,
    hex: 'any',
    substring_index: 'text text whole',
    find_in_set: 'text text',
    field: 'any any...',
    elt: 'whole any...',
    strcmp: 'text text',
    char: 'whole...',
    regexp_replace: 'text pattern text [whole] [whole]',
    regexp_substr: 'text pattern [whole] [whole]',
    regexp_like: 'text pattern [text]',
    format: 'number whole [text]',
    ...each('greatest least', 'any any...'),
    atan: 'number [number]',
    truncate: 'number whole',
    div: 'number number',
    ...each('now current_timestamp localtimestamp sysdate utc_timestamp', '[whole]'),
    ...each('dayofweek weekday time microsecond', moment),
    ...each('week yearweek', 'moment [whole]'),
    ...each('date_format str_to_date', 'any format'),
    ...each('date_add adddate date_sub subdate', 'moment any'),
    datediff: 'moment moment',
    unix_timestamp: '[moment]',
    from_unixtime: 'number [format]',
    convert_tz: 'moment zone zone',
    ...each('strftime to_char', 'any [any]'),
    json_length: 'json [path]',
    json_type: 'json',
    json_contains: 'json any [path]',
    group_concat: 'any [any]...',
  },
  postgresql: {
    position: 'text text',
    atan: number,
    regexp_like: 'text pattern [text]',
    ...each('regexp_matches regexp_match', 'text pattern [text]'),
    format: 'text any...',
    quote_literal: 'any',
    to_char: 'any format',
    to_date: 'text format',
    to_timestamp: 'any [format]',
    age: 'moment [moment]',
    timezone: 'zone moment',
    ...each('date_format strftime', 'any [any]'),
    ...each('date_add date_subtract', 'moment interval'),
    ...each('jsonb_array_length json_array_length json_typeof jsonb_typeof', 'json'),
    string_agg: 'any text',
    array_length: 'list whole',
    ...each('length char_length', text),
  },
  duckdb: {
    position: 'text text',
    instr: 'text text',
    ...each('dayofweek weekday week', moment),
    epoch: 'any',
    epoch_ms: 'any',
    date_add: 'moment any',
    to_timestamp: number,
    date_sub: 'unit moment moment',
    datediff: 'unit moment moment',
    strftime: 'any any',
    make_timestamp: 'number [number] [number] [number] [number] [number]',
    age: 'moment [moment]',
    timezone: 'zone moment',
    group_concat: 'any [text]',
    listagg: 'any [text]',
    array_length: 'list [whole]',
    log: 'number [number]',
    round: 'number [whole]',
  },
};

function each(names: string, takes: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, takes]));
}

const signatures = new Map<string, Signature>();
for (const [dialect, functions] of Object.entries(written))
  for (const [name, takes] of Object.entries(functions)) signatures.set(`${dialect} ${name}`, readSignature(takes));

function readSignature(takes: string): Signature {
  const parts = takes === '' ? [] : takes.split(' ');
  const repeated = parts.filter((part) => part.endsWith('...')).length;
  return {
    argumentsMin: parts.filter((part) => !part.startsWith('[')).length,
    argumentsMax: repeated > 0 ? argumentsRepeatedMax : parts.length,
    kinds: parts.map((part) => part.replaceAll(/[[\].]/g, '') as ArgumentKind), // the table holds no other words
    repeated,
  };
}

/** What a call of this name takes in a dialect; undefined where it has no such function. Names are in lower case. */
export function signatureOf(name: string, dialect: Dialect): Signature | undefined {
  const own = signatures.get(`${dialect} ${name}`) ?? signatures.get(`all ${name}`);
  if (own) return own;
  const known = functionOfDialect(name, dialect);
  return known && { argumentsMin: known.argumentsMin, argumentsMax: known.argumentsMax, kinds: ['any'], repeated: 1 };
}

/** The kind of an argument by its place, from 0. */
export function kindAt({ kinds, repeated }: Signature, index: number): ArgumentKind {
  if (index < kinds.length) return kinds[index] ?? 'any';
  return (repeated > 0 ? kinds[kinds.length - repeated + ((index - kinds.length) % repeated)] : undefined) ?? 'any';
}

/** `2`, `1 to 3`, `at least 2`, `pairs of`: how many arguments, in words; undefined where `count` is right. */
export function wrongCount(signature: Signature, count: number): string | undefined {
  const { argumentsMin, argumentsMax, kinds, repeated } = signature;
  if (repeated > 1 && (count - kinds.length) % repeated !== 0) return 'an even number of';
  if (count >= argumentsMin && count <= argumentsMax) return undefined;
  if (argumentsMax === 0) return 'no';
  if (argumentsMin === argumentsMax) return `${argumentsMin}`;
  return argumentsMax >= argumentsRepeatedMax ? `at least ${argumentsMin}` : `${argumentsMin} to ${argumentsMax}`;
}

/** Every name that a dialect may call, in order. */
export function declaredNames(dialect: Dialect): readonly string[] {
  const own = Object.keys({ ...written.all, ...written[dialect] });
  const known = planFunctions.flatMap(({ name, aliases }) => [name, ...(aliases[dialect] ?? [])]);
  return [...new Set([...own, ...known])].sort();
}
