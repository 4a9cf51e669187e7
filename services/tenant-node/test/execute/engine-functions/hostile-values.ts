/** Values at the edges of each type of the engine, as SQL. Sizes stay small: what is large is bounded by memory and time. */
const texts = [
  "''",
  "' '",
  "'a'",
  "'é'",
  "'ż😀👩‍👩‍👧‍👦e\u0301'",
  "'\u202eabc\u200d'",
  "chr(0) || 'a' || chr(0)",
  'chr(1114111)',
  "'%n%n%n%s%c'",
  '\'{"a": [1, {"b": null}]}\'',
  "'[[[[[[1]]]]]]'",
  "'{'",
  "'$.a[*]'",
  "'/a/0'",
  "'(a*)*$'",
  "'[[:alpha:]]{1,3}'",
  "'2024-02-29 23:59:60'",
  "'-9223372036854775808'",
  "'1e308'",
  "'nan'",
  "'../../etc/passwd'",
  "'current_setting(''home_directory'')'",
  "repeat('é', 40)",
  "repeat('a', 5000)",
];
const wholes = ['0', '1', '-1', '2', '3', '7', '12', '13', '63', '64', '65', '127', '128', '255', '1000', '65536'];
const edges = ['2147483647', '-2147483648', '9223372036854775807', '(-9223372036854775808)'];
const doubles = [
  '0.0',
  "CAST('-0' AS DOUBLE)",
  '1.5',
  '-1e-320',
  '1e308',
  '-1e308',
  "CAST('nan' AS DOUBLE)",
  "CAST('inf' AS DOUBLE)",
  "CAST('-inf' AS DOUBLE)",
];
const moments = [
  '1970-01-01',
  '2024-02-29 12:34:56.789012',
  '1969-12-31 23:59:59.999999',
  '0001-01-01 (BC)',
  '290000-12-31',
  '290000-01-01 (BC)',
  'infinity',
  '-infinity',
  '9999-12-31',
  '10000-01-01',
];
const intervals = [
  '0 days',
  '1 month',
  '-1 day',
  '2147483647 months',
  '-2147483648 days',
  '9000000000000000 microseconds',
];
const words = ['year', 'microsecond', 'week', 'epoch', 'century', 'isoyear', 'nonsense', ''];

const casts = (type: string, values: readonly string[]): readonly string[] =>
  values.map((value) => `CAST(${value} AS ${type})`);
const quoted = (values: readonly string[]): readonly string[] => values.map((value) => `'${value}'`);

const byType: Readonly<Record<string, readonly string[]>> = {
  VARCHAR: [...texts, ...quoted(words)],
  JSON: casts('JSON', [
    "'null'",
    '\'"a\\u0000é"\'',
    "'[1, [2, [3]], {}]'",
    '\'{"a": {"b": [1.5, true]}}\'',
    "'1e400'",
    "'[]'",
  ]),
  BLOB: casts('BLOB', ["''", "'\\x00\\xFF\\xC3'"]),
  BOOLEAN: ['TRUE', 'FALSE'],
  BIGINT: casts('BIGINT', [...wholes, ...edges]),
  INTEGER: casts('INTEGER', wholes.concat(edges.slice(0, 2))),
  TINYINT: casts('TINYINT', ['0', '127', '-128']),
  UBIGINT: casts('UBIGINT', ['0', '18446744073709551615']),
  HUGEINT: casts('HUGEINT', [
    '0',
    '170141183460469231731687303715884105727',
    "'-170141183460469231731687303715884105728'",
  ]),
  DOUBLE: doubles,
  FLOAT: casts(
    'FLOAT',
    doubles.filter((value) => !value.includes('308')),
  ),
  DECIMAL: ['0.5', '-12345678901234567890.123456789012345678', '99999999999999999999999999999999999999'],
  DATE: [...casts('DATE', quoted(moments.map((moment) => moment.replace(/ [\d:.]+/, '')))), "DATE '5877641-06-24'"],
  TIMESTAMP: casts('TIMESTAMP', quoted(moments)),
  'TIMESTAMP WITH TIME ZONE': casts('TIMESTAMPTZ', quoted(moments)),
  TIME: casts('TIME', ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"]),
  INTERVAL: casts('INTERVAL', quoted(intervals)),
  UUID: casts('UUID', ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
  LIST: [
    '[]',
    '[NULL]',
    '[1, NULL, 2]',
    "['a', NULL, 'é', 'a']",
    '[[1], NULL, [], [2, NULL]]',
    "[CAST('nan' AS DOUBLE), 1]",
    'range(100)',
    "[{'a': 1, 'b': NULL}]",
  ],
  STRUCT: ["{'a': 1, 'b': 'é'}", "{'a': NULL}", "ROW(1, 'a')"],
  MAP: ["map(['a', 'b'], [1, NULL])", 'map([], [])', 'map([1], [[]])'],
};
const all = Object.values(byType).flat();

/** A number below 1 for each call, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** A value of the type, sometimes null, sometimes of another one. */
export function hostileValue(type: string, random: () => number): string {
  const chance = random();
  const pool = poolOf(type);
  if (chance < 0.08) return 'NULL';
  if (chance < 0.12)
    return `CAST(NULL AS ${type in byType && !['LIST', 'STRUCT', 'MAP', 'DECIMAL'].includes(type) ? type : 'VARCHAR'})`;
  return pick(chance < 0.25 ? all : pool, random);
}

function poolOf(type: string): readonly string[] {
  if (type.endsWith('[]') || type.endsWith('[ANY]')) return byType['LIST'] ?? all;
  const [base = ''] = type.split('(');
  return byType[base] ?? all;
}
