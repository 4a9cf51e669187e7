import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { type LogicalPlan, parseTimestamp } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl } from '@hybridstore/sql/dsl';
import { parseSql } from '@hybridstore/sql/parsing';
import { Random } from '../hostile/random.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * One value may be spelled in many ways, and be asked for through many doors: what it is compared as follows from the rule
 * of the write alone, wherever its row lies. Longer: `SPELLINGS=500 SPELLINGS_SEED=7`.
 */

const probes = Number(process.env['SPELLINGS'] ?? 16);
const seed = Number(process.env['SPELLINGS_SEED'] ?? 20_261_130);
const rows = 40;
/** Of those where the constant stands in something else than the comparison. */
const doorsPerProbe = 5;

/** `value`: what it stands for, to compare by. */
type Spelled = { readonly text: string; readonly value: number };
type Kind = {
  readonly type: string;
  readonly spell: (random: Random) => Spelled;
  /** Doors that spell a constant of the statement. */
  readonly literals: readonly ((text: string) => string)[];
  /** As JSON has it in a body. */
  readonly json: (text: string) => unknown;
};

const two = (value: number) => String(value).padStart(2, '0');
const offsets = ['', 'Z', 'z', '+00', '+02:00', '-03:30', '+0530', '-08'];

/** Within two days, so that probes meet rows, offsets and all. */
function spellMoment(random: Random): Spelled {
  const day = `2024-05-${two(1 + random.below(2))}`;
  const clock = random.pick(['', '12:00', '10:00:00', '12:30:00.5', '10:00:00.000001', '23:30', '00:00:00']);
  const text = clock === '' ? day : `${day}${random.pick(['T', ' ', 't'])}${clock}${random.pick(offsets)}`;
  const { seconds, micros } = parseTimestamp(text)!; // all of these are moments
  return { text, value: seconds * 1_000_000 + micros };
}

function spellDay(random: Random): Spelled {
  const text = `2024-05-${two(1 + random.below(9))}`;
  return { text, value: Date.parse(text) };
}

function spellPrice(random: Random): Spelled {
  const cents = random.below(400) - 200;
  const [sign, digits] = [cents < 0 ? '-' : '', String(Math.abs(cents)).padStart(3, '0')];
  const [whole, fraction] = [digits.slice(0, -2), digits.slice(-2)];
  const short = fraction.replace(/0+$/, '');
  const text = random.pick([`${whole}.${fraction}`, short === '' ? whole : `${whole}.${short}`]);
  return { text: `${sign}${text}`, value: cents };
}

function spellCount(random: Random): Spelled {
  const value = random.below(9) - 4;
  return { text: String(value), value };
}

const quoted = (text: string) => `'${text}'`;
const kinds: Readonly<Record<string, Kind>> = {
  at: {
    type: 'timestamp',
    spell: spellMoment,
    literals: [quoted, (text) => `CAST('${text}' AS TIMESTAMP)`, (text) => `TIMESTAMP '${text}'`],
    json: (text) => text,
  },
  day: {
    type: 'date',
    spell: spellDay,
    literals: [quoted, (text) => `CAST('${text}' AS DATE)`, (text) => `DATE '${text}'`],
    json: (text) => text,
  },
  price: {
    type: 'decimal(10,2)',
    spell: spellPrice,
    literals: [(text) => text, (text) => `CAST('${text}' AS DECIMAL(10,2))`],
    json: Number,
  },
  count: {
    type: 'bigint',
    spell: spellCount,
    literals: [(text) => text, (text) => `CAST('${text}' AS BIGINT)`],
    json: Number,
  },
};
const columns = [{ name: 'row', type: 'bigint' }, ...Object.entries(kinds).map(([name, { type }]) => ({ name, type }))];
const schemas: PlanSchemas = new Map([['things', { columns }]]);

const comparisons = {
  '=': { holds: (a: number, b: number) => a === b, dsl: 'eq' },
  '<>': { holds: (a: number, b: number) => a !== b, dsl: 'ne' },
  '<': { holds: (a: number, b: number) => a < b, dsl: 'lt' },
  '<=': { holds: (a: number, b: number) => a <= b, dsl: 'lte' },
  '>': { holds: (a: number, b: number) => a > b, dsl: 'gt' },
  '>=': { holds: (a: number, b: number) => a >= b, dsl: 'gte' },
} as const;

let node: NodeUnderTest;
const written: Readonly<Record<string, Spelled>>[] = [];

before(async () => {
  node = await createNodeUnderTest();
  await call('/sources/add', { source_id: 'things', columns });
  const random = new Random(seed);
  for (let row = 0; row < rows; row += 1)
    written.push(Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, kind.spell(random)])));
  await write(0, rows / 2);
});
after(() => node.close());

it('while the rows are fresh', () => ask(new Random(seed), rows / 2));

it('when they are flushed', async () => {
  await node.engine.flush('things');
  await ask(new Random(seed), rows / 2);
});

it('beside fresh ones, and from files that were merged', async () => {
  await write(rows / 2, rows);
  await ask(new Random(seed + 1), rows);
  await node.engine.flush('things');
  const { files } = await node.engine.snapshot('things');
  const paths = files.map(({ path }) => path);
  await node.engine.compact('things', { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  await ask(new Random(seed + 1), rows);
});

async function ask(random: Random, count: number): Promise<void> {
  for (let probe = 0; probe < probes; probe += 1) {
    const name = random.pick(Object.keys(kinds));
    const kind = kinds[name]!;
    const { text, value } = kind.spell(random);
    const sign = random.pick(Object.keys(comparisons) as (keyof typeof comparisons)[]);
    const { holds, dsl } = comparisons[sign];
    const expected = written.slice(0, count).flatMap((fields, row) => (holds(fields[name]!.value, value) ? [row] : []));
    const where = (constant: string) => `SELECT row FROM things WHERE ${name} ${sign} ${constant} ORDER BY row`;
    const plans: readonly (readonly [string, LogicalPlan])[] = [
      ...kind.literals.map((spell) => sqlPlan(where(spell(text)))),
      sqlPlan(where('?'), [kind.json(text) as string | number]),
      sqlPlan(
        `SELECT row FROM things WHERE ${name} ${sign} ? AND (${name} ${sign} ? OR false) ORDER BY row`,
        Array(2).fill(kind.json(text)) as (string | number)[],
      ),
      [
        `DSL ${name} ${dsl} ${text}`,
        compileDsl(
          {
            query_type: 'filter',
            source: 'things',
            columns: ['row'],
            conditions: [{ field: name, operator: dsl, value: kind.json(text) as string | number }],
            order_by: [{ field: 'row', direction: 'asc' }],
          },
          schemas,
        ),
      ],
      ...Array.from({ length: doorsPerProbe }, () => random.pick(doorsBeside(name, sign, kind, text))).map(
        ([condition, parameters]) => sqlPlan(`SELECT row FROM things WHERE ${condition} ORDER BY row`, parameters),
      ),
      ...(sign === '>='
        ? [
            sqlPlan(
              `SELECT row FROM things WHERE ${name} BETWEEN ${kind.literals[0]!(text)} AND (SELECT max(${name}) FROM things) ORDER BY row`,
            ),
          ]
        : []),
    ];
    for (const [what, plan] of plans) assert.deepEqual(await rowsOf(plan), expected, `${what} (${text})`);
    const found = JSON.parse(
      await call('/data/search', {
        source_id: 'things',
        conditions: [{ field: name, operator: dsl, value: kind.json(text) }],
        limit: rows,
      }),
    ) as { readonly records: readonly { readonly fields: { readonly row: number } }[] };
    const searched = found.records.map(({ fields }) => fields.row).sort((a, b) => a - b);
    assert.deepEqual(searched, expected, `search ${name} ${dsl} ${text}`);
  }
}

type Door = readonly [
  condition: string,
  parameters?: readonly (string | number)[] | Readonly<Record<string, string | number>>,
];

/** Conditions that mean the same as the comparison, where the constant stands in something else than a comparison. */
function doorsBeside(name: string, sign: keyof typeof comparisons, kind: Kind, text: string): readonly Door[] {
  const constant = kind.literals[0]!(text);
  const value = kind.json(text) as string | number;
  const doors: Door[] = [
    [`${name} ${sign} COALESCE(NULL, ${constant}, ${name})`],
    [`${name} ${sign} CASE WHEN row < 0 THEN ${name} ELSE ${constant} END`],
    [`${name} ${sign} COALESCE(?, ${name})`, [value]],
    [
      `(SELECT max(v) FROM (SELECT ${name} AS v UNION ALL SELECT COALESCE(NULL, ${constant}, ${name})) x) = CASE WHEN ${name} < ${constant} THEN ${constant} ELSE ${name} END AND ${name} ${sign} ${constant}`,
    ],
    [`row >= 0 AND (${name} ${sign} :value OR CAST(row AS VARCHAR) = CAST(:value AS VARCHAR) || 'x')`, { value }],
  ];
  const equal: Door[] = [
    [`${name} IN (${constant})`],
    [`${name} IN (?, ${constant})`, [value]],
    [`NOT (${name} NOT IN (${constant}))`],
    [`NULLIF(${name}, ${constant}) IS NULL`],
    [`CASE ${name} WHEN ${constant} THEN true ELSE false END`],
    [`${name} = ANY(ARRAY[${constant}])`],
    [`(${name}, row) = (${constant}, row)`],
    [`(${name}, row) IN ((${constant}, row))`],
    [`${name} IS NOT DISTINCT FROM ${constant}`],
  ];
  const atLeast: Door[] = [
    [`GREATEST(${name}, ${constant}) = ${name}`],
    [`${name} BETWEEN ${constant} AND GREATEST(${name}, ${constant})`],
  ];
  const atMost: Door[] = [[`LEAST(${name}, ${constant}) = ${name}`]];
  if (kind.type === 'timestamp')
    doors.push(
      [`${name} - ${constant} ${sign} INTERVAL '0 seconds'`],
      [`${name} ${sign} ${constant} + INTERVAL '0 seconds'`],
      [`extract(epoch FROM ${name}) ${sign} extract(epoch FROM ${constant}::timestamptz)`],
      [`${name} AT TIME ZONE 'Asia/Kolkata' ${sign} ${constant} AT TIME ZONE 'Asia/Kolkata'`],
      [`${name} ${sign} (${constant} AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'Europe/Berlin'`],
      [`date_trunc('microsecond', ${name}) ${sign} date_trunc('microsecond', ${constant})`],
      [
        `date_trunc('second', ${name}, 'Asia/Kolkata') + (${name} - date_trunc('second', ${name}, 'UTC')) ${sign} ?`,
        [value],
      ],
    );
  if (sign === '=') doors.push(...equal);
  if (sign === '>=') doors.push(...atLeast);
  if (sign === '<=') doors.push(...atMost);
  return doors;
}

function sqlPlan(sql: string, parameters: Door[1] = []): readonly [string, LogicalPlan] {
  return [sql, parseSql(sql, schemas, { dialect: 'postgresql', isStrict: true }, parameters).plan];
}

async function write(from: number, to: number): Promise<void> {
  const records = written.slice(from, to).map((fields, index) => ({
    fields: {
      row: from + index,
      ...Object.fromEntries(Object.entries(fields).map(([name, { text }]) => [name, kinds[name]!.json(text)])),
    },
  }));
  await call('/data/write', { source_id: 'things', records });
}

async function rowsOf(plan: LogicalPlan): Promise<readonly unknown[]> {
  const text = await call('/internal/execute', {
    query_id: `q-${randomUUID().replaceAll('-', '')}`,
    plan,
    consistency: 'strict',
    format: 'rows_json',
    deadline_ms: 60_000,
    result_rows_max: 1_000,
  });
  return (JSON.parse(text) as { readonly rows: readonly (readonly unknown[])[] }).rows.map(([row]) => row);
}

async function call(url: string, payload: object): Promise<string> {
  const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
  const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
  assert.ok(answer.statusCode < 300, `${url} ${answer.body} ${JSON.stringify(payload).slice(0, 2_000)}`);
  return answer.body;
}
