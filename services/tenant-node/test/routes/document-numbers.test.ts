import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl } from '@hybridstore/sql/dsl';
import { parseSql } from '@hybridstore/sql/parsing';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/**
 * As documents spell them, in the order of their values. A double cannot tell the second from the third, nor the last ones
 * from each other. The engine's reader of JSON keeps integers whole and makes doubles of fractions.
 */
const numbers = [
  '-1e300',
  '-9007199254740993',
  '-9007199254740992',
  '-0.5',
  '0',
  '5',
  '5.5',
  '1e2',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '12345678901234567.89',
  '750727362669609001',
  '750727362669609002',
  '123456789012345678901234567890',
  '123456789012345678901234567891',
  '123456789012345678901234567892',
];
const schemas: PlanSchemas = new Map([
  ['notes', { columns: [{ name: 'doc', type: 'json' }] }],
  ['spelled', { columns: [{ name: 'doc', type: 'json' }] }],
  ['longs', { columns: [{ name: 'id', type: 'bigint' }] }],
]);

describe('numbers of documents', () => {
  let node: NodeUnderTest;

  before(async () => {
    node = await createNodeUnderTest();
    await send('/sources/add', JSON.stringify({ source_id: 'notes' }));
    const columns = [{ name: 'id', type: 'bigint' }];
    await send('/sources/add', JSON.stringify({ source_id: 'longs', columns }));
    const records = numbers.map((number, place) => `{"fields":{"id":${number},"place":${place}}}`);
    await send('/data/write', `{"source_id":"notes","records":[${records.join(',')}]}`);
    const longs = ['9007199254740992', '9007199254740993', '5'].map((id) => `{"fields":{"id":${id}}}`);
    await send('/data/write', `{"source_id":"longs","records":[${longs.join(',')}]}`);
  });
  after(() => node.close());

  const places = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  const all = places(0, numbers.length);
  const filters: readonly (readonly [string, readonly number[]])[] = [
    ['doc.id = 9007199254740993', [10]],
    ['doc.id <> 9007199254740993', all.filter((place) => place !== 10)],
    ['doc.id > 9007199254740992', places(10, 17)],
    ['doc.id >= 9007199254740993', places(10, 17)],
    ['doc.id < 9007199254740993', places(0, 10)],
    ['doc.id <= 9007199254740992', places(0, 10)],
    ['doc.id BETWEEN 9007199254740993 AND 750727362669609001', [10, 11, 12]],
    ['doc.id NOT BETWEEN 9007199254740993 AND 750727362669609001', [...places(0, 10), ...places(13, 17)]],
    ['doc.id IN (5, 9007199254740993, -9007199254740993)', [1, 5, 10]],
    ['doc.id NOT IN (9007199254740992, 750727362669609001)', all.filter((place) => place !== 9 && place !== 12)],
    ['doc.id = 100', [7]],
    ['doc.id < -9007199254740992', [0, 1]],
    ['doc.id IS NOT DISTINCT FROM 750727362669609002', [13]],
    ['doc.id IS DISTINCT FROM 750727362669609002', all.filter((place) => place !== 13)],
    ['doc.id = 5.5', [6]],
    ['doc.id = 12345678901234567.89', [11]],
    ['doc.id > 123456789012345678901234567890', [15, 16]],
    ['doc.id = 123456789012345678901234567891', [15]],
    ['doc.id IN (SELECT id FROM longs)', [5, 9, 10]],
    ['doc.id NOT IN (SELECT id FROM longs)', all.filter((place) => ![5, 9, 10].includes(place))],
    ['doc.id = ANY (SELECT id FROM longs WHERE id <> 9007199254740992)', [5, 10]],
    ['doc.id > ALL (SELECT id FROM longs)', places(11, 17)],
    ['doc.id < ANY (SELECT id FROM longs)', places(0, 10)],
    ['doc.id IN (SELECT n.doc.id FROM notes AS n WHERE n.doc.place IN (6, 7, 10, 14))', [6, 7, 10, 14]],
    ['(doc.id, doc.place) IN (SELECT id, 10 FROM longs)', [10]],
    ['(doc.id, doc.place) NOT IN (SELECT id, 10 FROM longs)', all.filter((place) => place !== 10)],
    ['doc.id BETWEEN 123456789012345678901234567890 AND 123456789012345678901234567891', [14, 15]],
  ];
  for (const [filter, expected] of filters)
    it(`are compared digit by digit: ${filter}`, async () => {
      const rows = await sql(`SELECT doc.place FROM notes WHERE ${filter} ORDER BY doc.place`);
      assert.deepEqual(rows.flat(), expected);
    });

  it('meet each other in a join digit by digit', async () => {
    assert.deepEqual(await sql('SELECT count(*) FROM notes AS a JOIN notes AS b ON a.doc.id = b.doc.id'), [
      [numbers.length],
    ]);
    const pairs = 'SELECT b.id FROM notes AS a JOIN longs AS b ON a.doc.id = b.id ORDER BY b.id';
    assert.deepEqual(await sql(pairs), [[5], ['9007199254740992'], ['9007199254740993']]);
    const below = 'SELECT count(*) FROM notes AS a JOIN notes AS b ON a.doc.id < b.doc.id';
    assert.deepEqual(await sql(below), [[(numbers.length * (numbers.length - 1)) / 2]]);
  });

  it('are found among numbers of columns digit by digit', async () => {
    const found = 'SELECT id FROM longs WHERE id IN (SELECT doc.id FROM notes WHERE doc.place <> 9) ORDER BY id';
    assert.deepEqual(await sql(found), [[5], ['9007199254740993']]);
  });

  it('are the least and the greatest with every digit', async () => {
    const extremes = 'SELECT min(doc.id), max(doc.id) FROM notes';
    assert.deepEqual(await sqlText(extremes), '[-1e300,123456789012345678901234567892]');
    assert.deepEqual(await sqlText(`${extremes} WHERE doc.id BETWEEN 5 AND 100`), '[5,100]');
    assert.deepEqual(
      await sqlText(`${extremes} WHERE doc.id IN (9007199254740993, 9007199254740992)`),
      '[9007199254740992,9007199254740993]',
    );
    const dsl = compileDsl(
      { query_type: 'aggregate', source: 'notes', aggregations: [{ function: 'max', field: 'id', alias: 'most' }] },
      schemas,
    );
    assert.match(await ask(dsl), /"rows":\[\[123456789012345678901234567892\]\]/);
  });

  it('sort by their values, in SQL and the DSL', async () => {
    const expected = places(0, numbers.length);
    assert.deepEqual((await sql('SELECT doc.place FROM notes ORDER BY doc.id')).flat(), expected);
    assert.deepEqual((await sql('SELECT doc.place FROM notes ORDER BY doc.id DESC')).flat(), expected.toReversed());
    const plan = compileDsl(
      { query_type: 'filter', source: 'notes', columns: ['place'], order_by: [{ field: 'id', direction: 'desc' }] },
      schemas,
    );
    assert.deepEqual((JSON.parse(await ask(plan)) as Answer).rows.flat(), expected.toReversed());
  });

  it('are one value in groups, however they are spelled, and other values than texts and null', async () => {
    const spellings = ['1', '1.0', '1e0', '10e-1', '"1"', '0', '-0', '0.0', '1.5', '1.50', 'null', '"1.0"', 'true'];
    await send('/sources/add', JSON.stringify({ source_id: 'spelled' }));
    const records = spellings.map((text) => `{"fields":{"v":${text}}}`);
    await send('/data/write', `{"source_id":"spelled","records":[${records.join(',')}]}`);
    const groups = ['[0,3]', '[1,4]', '[1.5,2]', '["1",1]', '["1.0",1]', '[null,1]', '[true,1]'];
    const grouped = await ask(planOf('SELECT doc.v, count(*) FROM spelled GROUP BY doc.v'));
    const found = [...(/"rows":\[(.*?)\],"row_count/.exec(grouped)?.[1]?.match(/\[[^[\]]*\]/g) ?? [])];
    assert.deepEqual(found.toSorted(), groups.toSorted());
    assert.equal((await sql('SELECT DISTINCT doc.v FROM spelled')).length, groups.length);
    assert.deepEqual(await sql('SELECT count(DISTINCT doc.v), count(doc.v) FROM spelled'), [[6, 12]]);
    const outer = 'SELECT v, count(*) FROM (SELECT doc.v AS v FROM spelled) AS s GROUP BY v';
    assert.equal((await sql(outer)).length, groups.length);
    assert.equal(
      (await sql('SELECT 1 FROM spelled WHERE doc.v IN (SELECT doc.v FROM spelled WHERE doc.v = 1.5)')).length,
      2,
    );
    const dsl = compileDsl(
      {
        query_type: 'aggregate',
        source: 'spelled',
        group_by: ['v'],
        aggregations: [{ function: 'count', field: '*' }],
      },
      schemas,
    );
    assert.equal((JSON.parse(await ask(dsl)) as Answer).rows.length, groups.length);
  });

  type Answer = { readonly rows: readonly (readonly unknown[])[] };

  async function sql(text: string): Promise<readonly (readonly unknown[])[]> {
    return (JSON.parse(await ask(planOf(text))) as Answer).rows;
  }

  /** The only row, as it is written. */
  async function sqlText(text: string): Promise<string> {
    return /"rows":\[(\[.*?\])\]/.exec(await ask(planOf(text)))?.[1] ?? '';
  }

  function planOf(text: string): LogicalPlan {
    return parseSql(text, schemas, { dialect: 'mysql', isStrict: true }, []).plan;
  }

  async function ask(plan: LogicalPlan): Promise<string> {
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    const body = {
      query_id,
      plan,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 60_000,
      result_rows_max: 1_000,
    };
    return send('/internal/execute', JSON.stringify(body));
  }

  async function send(url: string, payload: string): Promise<string> {
    const headers = {
      authorization: `Bearer ${node.issuer.userToken(tenant)}`,
      'content-type': 'application/json',
    };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    assert.ok(answer.statusCode < 300, `${url} ${answer.body} ${payload.slice(0, 2_000)}`);
    return answer.body;
  }
});
