import { dateParts, type PlanRelation } from '@hybridstore/contracts';
import {
  call,
  column as columnNode,
  finishPlan,
  type KnownText,
  type PlanFunction,
  planErrors,
  printDuckdb,
  text,
} from '@hybridstore/plan';
import { hostileValue, pick } from './hostile-values.ts';

export type Overload = { readonly types: readonly string[] };

const formatParts = [
  '%Y',
  '%-d',
  '%A',
  '%b',
  '%p',
  '%f',
  '%g',
  '%j',
  '%U',
  '%G',
  '%y',
  '%z',
  '%c',
  '%x',
  '%%',
  'é',
  '-',
  ' ',
];
const patterns = ['a', '(a*)*$', '^.é?', '[[:alpha:]]+', '', '(?i)(x)|(é)', '\\', '(', '.{1,50}$'];
const timeZones = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', '+14:00', '-00:30'];
const partsMax = 40;

/** A call of an allowed function with arguments that nobody would write, one of the engine's own overloads as a guide. */
export function hostileCall(known: PlanFunction, overloads: readonly Overload[], random: () => number): string {
  const fitting = overloads.filter(
    ({ types }) => types.length >= known.argumentsMin && types.length <= known.argumentsMax,
  );
  const types = fitting.length > 0 ? pick(fitting, random).types : anyTypes(known, random);
  const printed = printCall(known, types.length, random);
  const values = types.map((type) => column(type, random));
  const filled = printed.replaceAll(/"h"\."a(\d+)"/g, (_, index: string) => values[Number(index)] ?? 'NULL');
  return `${known.kind === 'aggregate' ? modified(filled, values, random) : filled}${overClause(known, random)}`;
}

/** As the plan's printer writes it, with columns where the values will stand. */
function printCall(known: PlanFunction, count: number, random: () => number): string {
  const names = Array.from({ length: count }, (_, index) => `a${index}`);
  const operands = names.map((name, index) =>
    index === known.knownText?.argument ? text(knownText(known.knownText, random)) : columnNode('h', name),
  );
  const value = call(known.name, ...(known.name === 'error' ? [text(planErrors.divisionByZero)] : operands));
  const from: PlanRelation = { kind: 'scan', source: 'h', alias: 'h', columns: names };
  const query = { kind: 'query', body: { kind: 'select', projections: [{ name: 'x', value }], from } } as const;
  return /^SELECT (.*) AS "x" FROM "h" AS "h"$/s.exec(printDuckdb(finishPlan(query)).sql)?.[1] ?? '';
}

function knownText({ as }: KnownText, random: () => number): string {
  if (as === 'pattern') return pick(patterns, random);
  if (as === 'time_zone') return pick(timeZones, random);
  return Array.from({ length: Math.floor(random() * partsMax) }, () => pick(formatParts, random)).join('');
}

function modified(printed: string, values: readonly string[], random: () => number): string {
  if (values.length === 0) return printed;
  const distinct = random() < 0.15 ? printed.replace('(', '(DISTINCT ') : printed;
  const ordered = random() < 0.15 ? distinct.replace(/\)$/, ` ORDER BY ${values[0]} DESC NULLS FIRST)`) : distinct;
  return random() < 0.15 ? `${ordered} FILTER (WHERE _c1 % 2 = 1)` : ordered;
}

function anyTypes(known: PlanFunction, random: () => number): readonly string[] {
  const most = Math.min(known.argumentsMax, known.argumentsMin + 2, 6);
  const count = known.argumentsMin + Math.floor(random() * (most - known.argumentsMin + 1));
  return Array.from({ length: count }, () => 'ANY');
}

/** As a constant, or as a column with nulls or with another value, which the engine evaluates by other code. */
function column(type: string, random: () => number): string {
  const value = hostileValue(type, random);
  const chance = random();
  if (chance < 0.4) return value;
  return chance < 0.7
    ? `CASE _c1 WHEN 2 THEN NULL ELSE ${value} END`
    : `CASE _c1 WHEN 2 THEN ${hostileValue(type, random)} ELSE ${value} END`;
}

const types = [
  ...['BOOLEAN', 'TINYINT', 'INTEGER', 'BIGINT', 'UBIGINT', 'HUGEINT', 'FLOAT', 'DOUBLE', 'DECIMAL(38,10)', 'VARCHAR'],
  ...['DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'INTERVAL', 'JSON', 'UUID', 'VARCHAR[]', 'INTEGER[][]'],
];
const infix = ['+', '-', '*', '/', '//', '%', '**', '&', '|', '<<', '>>', '||', '=', '<', 'IS DISTINCT FROM'];
const intervals = ['microseconds', 'milliseconds', 'seconds', 'minutes', 'hours', 'days', 'months', 'years'];

/** Operators, casts and special forms that a plan prints beside calls of the list. */
export function hostileForm(random: () => number): string {
  const value = () => column(pick(types, random), random);
  const [one, other] = [value(), value()];
  const forms = [
    () => `(${one} ${pick(infix, random)} ${other})`,
    () => `xor(${one}, ${other})`,
    () => `(- ${one})`,
    () => `(~ ${one})`,
    () => `${random() < 0.5 ? 'CAST' : 'TRY_CAST'}(${one} AS ${pick(types, random)})`,
    () => `CAST(CAST(${one} AS ${pick(types, random)}) AS ${pick(types, random)})`,
    () => `(${one} ${random() < 0.5 ? 'LIKE' : 'ILIKE'} ${other})`,
    () => `(${one} LIKE ${other} ESCAPE '!')`,
    () => `date_part('${pick(dateParts, random)}', ${one})`,
    () => `to_${pick(intervals, random)}(CAST(${one} AS ${random() < 0.5 ? 'BIGINT' : 'DOUBLE'}))`,
    () => `(${one} + to_${pick(intervals, random)}(CAST(${other} AS INTEGER)))`,
    () => `json_extract(${one}, '/a/0')`,
    () => `json_extract_string(${one}, '/0')`,
    () => `list_extract([${one}], ${other})`,
    () => `struct_extract(struct_pack("a" := ${one}), 'a')`,
    () => `(${one} BETWEEN ${other} AND ${value()})`,
    () => `(${one} IN (${other}, ${value()}))`,
    () => `ROW(${one}, ${other})`,
    () => `(SELECT count(*) FROM range(CAST(${one} AS BIGINT) % 1000, CAST(${other} AS BIGINT) % 1000) r(x))`,
  ];
  return pick(forms, random)();
}

/** What `checkPlan` takes: none that is turned round. */
const frames = [
  'ORDER BY _c1',
  'ORDER BY _c1 ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING',
  'ORDER BY _c1 ROWS BETWEEN 1 FOLLOWING AND 999999999999999 FOLLOWING',
  'ORDER BY _c1 ROWS BETWEEN 999999999999999 PRECEDING AND CURRENT ROW',
  'ORDER BY _c1 ROWS BETWEEN CURRENT ROW AND CURRENT ROW EXCLUDE CURRENT ROW',
  'ORDER BY _c1 RANGE BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE GROUP',
  "ORDER BY CASE _c1 WHEN 1 THEN NULL WHEN 2 THEN CAST('nan' AS DOUBLE) ELSE _c1 END RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING",
  'PARTITION BY _c1 % 2 ORDER BY _c1 DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING EXCLUDE TIES',
  'ORDER BY _c1 % 2 GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING',
  '',
];

function overClause(known: PlanFunction, random: () => number): string {
  const isWindow = known.kind === 'window' || (known.kind === 'aggregate' && random() < 0.3);
  return isWindow ? ` OVER (${pick(frames, random)})` : '';
}
