import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type AggregateQuery, isHybridStoreError } from '@hybridstore/contracts';
import { checkPlan, optimizePlan, type PlanSchemas, scanPredicates, stepsOfLevel } from '@hybridstore/plan';
import { compileAggregate, compileDsl } from '../src/dsl/compile-dsl.ts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { openCorpus, runPlan } from './corpus-data.ts';

const columns = [
  { name: 'ts', type: 'timestamp' },
  { name: 'day', type: 'date' },
  { name: 'name', type: 'string' },
  { name: 'doc', type: 'json' },
];
const schemas: PlanSchemas = new Map([['moments', { columns }]]);
/** Around midnight and around the change of clocks in Berlin, where 01:30 of New York is in the day before. */
const moments = [
  '2024-03-30 22:59:59.999999',
  '2024-03-30 23:00:00',
  '2024-03-31 21:59:59',
  '2024-03-31 22:00:00',
  '2024-10-27 00:30:00',
  '2024-10-27 01:30:00',
  '2024-10-27 22:59:59',
  '2024-10-27 23:00:00',
  '0001-01-02 00:00:00',
  '9999-12-30 23:30:00',
];
const rows = [
  ...moments.map((at) => `('${at}', '${at.slice(0, 10)}', 'x', '{"at": "${at}+00"}')`),
  "(NULL, NULL, 'x', '{}')",
];

type GroupBy = NonNullable<AggregateQuery['group_by']>;

describe('groups of times', () => {
  let connection: DuckDBConnection;
  before(async () => {
    connection = await openCorpus();
    await connection.run(`create table moments(ts timestamp, day date, name varchar, doc json)`);
    await connection.run(`insert into moments values ${rows.join(', ')}`);
  });
  after(() => connection.closeSync());

  async function groups(groupBy: GroupBy): Promise<readonly (readonly unknown[])[]> {
    const [first] = groupBy;
    const name = typeof first === 'object' ? (first.alias ?? `${first.bucket}_${first.field}`) : (first ?? '');
    const parts: Pick<AggregateQuery, 'group_by' | 'aggregations' | 'order_by'> = {
      group_by: groupBy,
      aggregations: [{ function: 'count', field: '*' }],
      order_by: [{ field: name }],
    };
    const plan = compileDsl({ query_type: 'aggregate', source: 'moments', ...parts }, schemas);
    checkPlan(plan, schemas);
    const answer = await runPlan(connection, plan);
    assert.deepEqual(
      (await runPlan(connection, optimizePlan(plan, stepsOfLevel('aggressive')).plan)).rows,
      answer.rows,
    );
    assert.deepEqual(
      (await runPlan(connection, compileAggregate({ source_id: 'moments', ...parts }, schemas))).rows,
      answer.rows,
    );
    assert.equal(answer.columns[0], name);
    return answer.rows.map((row) => row.map(String));
  }

  const berlin = [
    ['0001-01-01 23:06:32', '1'],
    ['2024-03-29 23:00:00', '1'],
    ['2024-03-30 23:00:00', '2'],
    ['2024-03-31 22:00:00', '1'],
    ['2024-10-26 22:00:00', '3'],
    ['2024-10-27 23:00:00', '1'],
    ['9999-12-30 23:00:00', '1'],
    ['null', '1'],
  ];

  it('are days by the clocks of a zone, of 23 and 25 hours where these are changed', async () => {
    assert.deepEqual(await groups([{ field: 'ts', bucket: 'day', time_zone: 'Europe/Berlin' }]), berlin);
  });

  it('are the same of times in documents', async () => {
    assert.deepEqual(
      await groups([{ field: 'doc.at', bucket: 'day', time_zone: 'europe/berlin', alias: 'd' }]),
      berlin,
    );
  });

  it('are of UTC where no zone is named, and by an offset', async () => {
    const days = await groups([{ field: 'ts', bucket: 'day' }]);
    assert.deepEqual(days[1], ['2024-03-30 00:00:00', '2']);
    assert.deepEqual(await groups([{ field: 'ts', bucket: 'day', time_zone: '+00:00' }]), days);
    const east = await groups([{ field: 'ts', bucket: 'day', time_zone: '+01:00' }]);
    assert.deepEqual(east[1], ['2024-03-29 23:00:00', '1']);
  });

  it('keep the two hours apart that one hour of the clocks is', async () => {
    const hours = await groups([{ field: 'ts', bucket: 'hour', time_zone: 'Europe/Berlin' }]);
    assert.deepEqual(
      hours.filter(([hour]) => String(hour).startsWith('2024-10-27 0')),
      [
        ['2024-10-27 00:00:00', '1'],
        ['2024-10-27 01:00:00', '1'],
      ],
    );
  });

  it('are hours at half past in zones that are half an hour off', async () => {
    const hours = await groups([{ field: 'ts', bucket: 'hour', time_zone: 'Asia/Kolkata' }]);
    assert.ok(hours.some(([hour]) => hour === '2024-10-27 00:30:00'));
  });

  it('are dates of a date, without a zone', async () => {
    const months = await groups([{ field: 'day', bucket: 'month' }]);
    assert.deepEqual(months.slice(0, 2), [
      ['0001-01-01', '1'],
      ['2024-03-01', '4'],
    ]);
  });

  it('can be sorted by, filtered by and stand beside other groups', async () => {
    const plan = compileDsl(
      {
        query_type: 'aggregate',
        source: 'moments',
        group_by: ['name', { field: 'ts', bucket: 'day', time_zone: 'Europe/Berlin', alias: 'local_day' }],
        aggregations: [{ function: 'count', field: '*', alias: 'n' }],
        having: [{ field: 'local_day', operator: 'gte', value: '2024-10-27T00:00:00+02:00' }],
        order_by: [{ field: 'local_day', direction: 'desc' }],
        limit: 2,
      },
      schemas,
    );
    checkPlan(plan, schemas);
    const { rows: found } = await runPlan(connection, plan);
    assert.deepEqual(
      found.map((row) => row.map(String)),
      [
        ['x', '9999-12-30 23:00:00', '1'],
        ['x', '2024-10-27 23:00:00', '1'],
      ],
    );
  });

  it('are refused by field where they say nothing', () => {
    const refusals: readonly (readonly [GroupBy[number], RegExp, string | undefined])[] = [
      [
        { field: 'ts', bucket: 'day', time_zone: 'Europ/Berlin' },
        /time_zone: 'Europ\/Berlin' is not a time zone, did you mean Europe\/Berlin\?/,
        'time_zone',
      ],
      [{ field: 'ts', bucket: 'day', time_zone: '+99:00' }, /is not a time zone/, 'time_zone'],
      [
        { field: 'day', bucket: 'day', time_zone: 'Europe/Berlin' },
        /time_zone: expected a timestamp, since a date has no time, found date/,
        'time_zone',
      ],
      [{ field: 'day', bucket: 'hour' }, /bucket: expected day or longer/, 'bucket'],
      [{ field: 'name', bucket: 'day' }, /bucket: expected a date or a timestamp, found string/, 'bucket'],
      [{ field: 'tz', bucket: 'day' }, /no such column/, 'tz'],
    ];
    for (const [group, message, field] of refusals)
      assert.throws(
        () =>
          compileDsl(
            {
              query_type: 'aggregate',
              source: 'moments',
              group_by: [group],
              aggregations: [{ function: 'count', field: '*' }],
            },
            schemas,
          ),
        (error) =>
          isHybridStoreError(error, 'invalid_request') &&
          message.test(error.message) &&
          error.details['field'] === field,
        JSON.stringify(group),
      );
  });
});

describe('a statement that names a zone', () => {
  const predicates = (where: string) =>
    scanPredicates(
      parseSql(`SELECT name FROM moments WHERE ${where}`, schemas, { dialect: 'postgresql', isStrict: true }, []).plan,
      schemas,
    ).flatMap((scan) => scan.predicates.map(({ column, operator }) => `${column} ${operator}`));

  it('still prunes by the times that it compares as they are', () => {
    assert.deepEqual(
      predicates(
        "date_trunc('day', ts, 'Europe/Berlin') = TIMESTAMPTZ '2024-05-01 00:00+02' AND ts >= '2024-05-01T00:00:00+02:00' AND ts < TIMESTAMPTZ '2024-05-02 00:00+02'",
      ),
      ['ts gte', 'ts lt'],
    );
    assert.deepEqual(predicates("(ts AT TIME ZONE 'Europe/Berlin')::date = DATE '2024-05-01'"), []);
  });
});
