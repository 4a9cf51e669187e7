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
  /** Where it is not what the dialect's own engine does, or not all of it; shown in the reference of SQL. */
  readonly note?: string;
  /** What a known function is refused with, in every call. */
  readonly refused?: string;
};

/** What a function takes, and what else there is to say of it. */
type Entry = string | (Pick<Signature, 'note' | 'refused'> & { readonly takes: string });

const noted = (takes: string, note: string): Entry => ({ takes, note });
const refused = (refused: string): Entry => ({ takes: '[any]...', refused });

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
const written: Readonly<Record<Dialect | 'all', Readonly<Record<string, Entry>>>> = {
  all: {
    // Texts
    ...each(
      'upper lower ucase lcase reverse octet_length char_length character_length md5 sha256 strip_accents ascii',
      text,
    ),
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
    ...each('unhex quote soundex to_base64 sha1 sha', text),
    unhex: noted(text, 'fails where the bytes are no UTF-8, since texts are'),
    sha2: noted('text whole', 'of 256 bits'),
    ...each('bin oct', 'any'),
    conv: noted('any whole whole', 'bases are constants from 2 to 36'),
    insert: 'text whole whole text',
    isnull: 'any',
    substring_index: 'text text whole',
    find_in_set: 'text text',
    field: 'any any...',
    elt: 'whole any...',
    strcmp: 'text text',
    char: 'whole...',
    regexp_replace: 'text pattern text [whole] [whole]',
    regexp_substr: 'text pattern [whole] [whole]',
    regexp_instr: noted('text pattern', 'no place, occurrence or flags'),
    regexp_like: 'text pattern [text]',
    format: noted('number whole [text]', 'a constant number of digits; the locale is en_US'),
    ...each('greatest least', 'any any...'),
    atan: 'number [number]',
    truncate: 'number whole',
    div: 'number number',
    ...each('now current_timestamp localtimestamp sysdate utc_timestamp', '[whole]'),
    ...each('dayofweek weekday time microsecond', moment),
    ...each('week yearweek', noted('moment [whole]', 'a constant mode; without one it is 0')),
    ...each('to_days to_seconds', moment),
    from_days: noted(number, 'null where MySQL has a day of zeros'),
    makedate: 'number number',
    maketime: 'number number number',
    sec_to_time: number,
    time_to_sec: noted(moment, 'whole seconds; a text of a column is cast first'),
    timediff: noted('any any', 'two timestamps, or two times; a text of a column is cast first'),
    period_add: 'number number',
    period_diff: 'number number',
    ...each('date_format str_to_date', 'any format'),
    ...each('date_add adddate date_sub subdate', 'moment any'),
    datediff: 'moment moment',
    unix_timestamp: '[moment]',
    from_unixtime: 'number [format]',
    convert_tz: 'moment zone zone',
    ...each('strftime to_char', refused('use DATE_FORMAT')),
    json_length: 'json [path]',
    json_type: 'json',
    json_contains: noted('json any [path]', 'the value to look for is constant and holds no arrays in an array'),
    group_concat: 'any [any]...',
  },
  postgresql: {
    position: 'text text',
    atan: number,
    regexp_like: 'text pattern [text]',
    regexp_matches: refused('it gives rows; use regexp_match'),
    regexp_match: noted('text pattern [text]', 'patterns without | and without groups that may be left out'),
    format: refused('use ||'),
    quote_literal: refused('no statement is made of values here'),
    initcap: text,
    overlay: 'text text whole [whole]',
    width_bucket: 'number number number whole',
    to_hex: noted('whole', 'a negative literal is cast to bigint first'),
    to_char: 'any format',
    to_date: 'text format',
    to_timestamp: 'any [format]',
    age: 'moment [moment]',
    timezone: 'zone moment',
    ...each('date_format strftime', refused('use to_char')),
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

function each(names: string, entry: Entry): Readonly<Record<string, Entry>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, entry]));
}

const signatures = new Map<string, Signature>();
for (const [dialect, functions] of Object.entries(written))
  for (const [name, entry] of Object.entries(functions)) signatures.set(`${dialect} ${name}`, readSignature(entry));

function readSignature(entry: Entry): Signature {
  const { takes, ...said } = typeof entry === 'string' ? { takes: entry } : entry;
  const parts = takes === '' ? [] : takes.split(' ');
  const repeated = parts.filter((part) => part.endsWith('...')).length;
  return {
    argumentsMin: parts.filter((part) => !part.startsWith('[')).length,
    argumentsMax: repeated > 0 ? argumentsRepeatedMax : parts.length,
    kinds: parts.map((part) => part.replaceAll(/[[\].]/g, '') as ArgumentKind), // the table holds no other words
    repeated,
    ...said,
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
