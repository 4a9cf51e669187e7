import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { parseSql } from '@hybridstore/sql/parsing';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * A statement that is asked again finds much of what it needs where it left it: its text prepared, links to its files, what
 * the files say of themselves. Whatever happens to the table between two of them, the second answer is right.
 */

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'moment', type: 'timestamp' },
  { name: 'price', type: 'decimal(10,2)' },
];
/** More files than are linked one by one. */
const filesAtFirst = 5;
const rowsPerFile = 10;

/** By which way the child takes: one row, rows that a LIMIT bounds, rows that nothing bounds, and a value of the caller's. */
const statements = (table: string) => [
  `SELECT count(*) AS n, min(id) AS a, max(id) AS b, max(moment) AS m, sum(price) AS s FROM ${table}`,
  `SELECT id, moment, price FROM ${table} ORDER BY moment DESC, id LIMIT 3`,
  `SELECT id % 3 AS k, count(*) AS n, max(price) AS p FROM ${table} GROUP BY id % 3 ORDER BY k`,
  `SELECT count(*) AS n FROM ${table} WHERE id > 1000 OR price > 10000`,
];

describe('a statement that is asked again', () => {
  let node: NodeUnderTest;
  before(async () => {
    node = await createNodeUnderTest();
  });
  after(() => node.close());

  it('is answered the same as long as nothing happens, also side by side', async () => {
    const table = await createTable('same', 1);
    const first = await answersOf(table);
    for (let round = 0; round < 4; round += 1) assert.deepEqual(await answersOf(table), first);
    for (let round = 0; round < 3; round += 1)
      assert.deepEqual(await Promise.all([answersOf(table), answersOf(table)]), [first, first]);
    assert.deepEqual(first[0], [[50, 0, 49, momentOf(49), '1225.00']]);
  });

  it('sees rows that came since, before and after they are flushed', async () => {
    const table = await createTable('growing', 1);
    await askThrice(table);
    for (let round = 1; round <= 3; round += 1) {
      // Far beyond everything that was known of the table when its statements were planned.
      await append(table, round * 100_000, 2);
      const [whole, latest, , beyond] = await answersOf(table);
      assert.deepEqual(whole?.[0]?.slice(0, 3), [50 + round * 2, 0, round * 100_000 + 1]);
      assert.equal(latest?.[0]?.[0], round * 100_000 + 1);
      assert.deepEqual(beyond, [[round * 2]]);
      if (round === 2) await node.engine.flush(table);
      assert.deepEqual(await answersOf(table), [whole, latest, (await answersOf(table))[2], beyond]);
    }
  });

  it('sees a table as it is after its files were merged, and their own were removed', async () => {
    const table = await createTable('merged', 1);
    const first = await askThrice(table);
    const { files } = await node.engine.snapshot(table);
    const paths = files.map(({ path }) => path);
    await node.engine.compact(table, { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
    assert.equal((await node.engine.snapshot(table)).files.length, 1);
    assert.deepEqual(await askThrice(table), first);
  });

  it('sees columns that were added', async () => {
    const table = await createTable('wider', 1);
    await askThrice(table);
    await call('/sources/add', { source_id: table, columns: [{ name: 'note', type: 'string' }] });
    await node.engine.append({ sourceId: table, records: [{ fields: { id: 7_000, note: 'new' } }] });
    await node.engine.flush(table);
    const wide = [...columns, { name: 'note', type: 'string' }];
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual((await answersOf(table, wide))[0]?.[0]?.slice(0, 3), [51, 0, 7_000]);
      assert.deepEqual(await ask(`SELECT count(note) AS n, count(*) AS m FROM ${table}`, table, wide), [[1, 51]]);
    }
  });

  it('sees nothing of a table of the same name that was dropped', async () => {
    const table = await createTable('again', 1);
    await askThrice(table);
    await drop(table);
    await createTable('again', 1_000);
    for (let round = 0; round < 3; round += 1)
      assert.deepEqual((await answersOf(table))[0], [[50, 1_000, 1_049, momentOf(1_049), '51225.00']]);
    await drop(table);
    await call('/sources/add', { source_id: table, columns });
    for (let round = 0; round < 3; round += 1)
      assert.deepEqual((await answersOf(table))[0], [[0, null, null, null, null]]);
  });

  it('reads other files for another value', async () => {
    const table = await createTable('values', 1);
    for (let round = 0; round < 3; round += 1)
      for (const id of [0, 9, 10, 25, 49, 50])
        assert.deepEqual(
          await ask(`SELECT id, price FROM ${table} WHERE id >= ${id} ORDER BY id LIMIT 1`, table),
          id === 50 ? [] : [[id, `${id}.00`]],
        );
  });

  it('is refused as the first one was, and the next one is answered', async () => {
    const table = await createTable('failing', 1);
    for (let round = 0; round < 3; round += 1) {
      const failing = await call(
        '/internal/execute',
        body(`SELECT sum(CAST('x' || id AS BIGINT)) AS n FROM ${table}`, table),
        400,
      );
      assert.match(failing, /invalid_request/);
      assert.deepEqual(await ask(`SELECT count(*) AS n FROM ${table}`, table), [[50]]);
    }
  });

  async function createTable(name: string, firstId: number): Promise<string> {
    await call('/sources/add', { source_id: name, columns });
    const from = firstId === 1 ? 0 : firstId;
    for (let file = 0; file < filesAtFirst; file += 1) {
      await append(name, from + file * rowsPerFile, rowsPerFile);
      await node.engine.flush(name);
    }
    assert.equal((await node.engine.snapshot(name)).files.length, filesAtFirst);
    return name;
  }

  async function drop(source: string): Promise<void> {
    const headers = { authorization: `Bearer ${node.issuer.serviceToken('operator', tenant)}` };
    const url = `/internal/sources/${source}`;
    assert.equal((await node.server.app.inject({ method: 'DELETE', url, headers })).statusCode, 200);
  }

  async function append(sourceId: string, from: number, count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, index) => from + index);
    const records = ids.map((id) => ({ fields: { id, moment: momentOf(id), price: `${id}.00` } }));
    await node.engine.append({ sourceId, records });
  }

  function momentOf(id: number): string {
    return new Date(Date.UTC(2024, 0, 1) + id * 1_000).toISOString();
  }

  async function askThrice(table: string) {
    await answersOf(table);
    await answersOf(table);
    return answersOf(table);
  }

  function answersOf(table: string, schema = columns) {
    return Promise.all(statements(table).map((sql) => ask(sql, table, schema)));
  }

  async function ask(sql: string, table: string, schema = columns): Promise<readonly (readonly unknown[])[]> {
    return JSON.parse(await call('/internal/execute', body(sql, table, schema))).rows;
  }

  function body(sql: string, table: string, schema = columns) {
    const { plan } = parseSql(sql, new Map([[table, { columns: schema }]]), { dialect: 'duckdb', isStrict: true }, []);
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    return { query_id, plan, consistency: 'strict', format: 'rows_json', deadline_ms: 60_000, result_rows_max: 1_000 };
  }

  async function call(url: string, payload: object, status?: number): Promise<string> {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    assert.ok(status === undefined ? answer.statusCode < 300 : answer.statusCode === status, `${url} ${answer.body}`);
    return answer.body;
  }
});
