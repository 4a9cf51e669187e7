import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createEngine } from '@hybridstore/engine';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { parseSql } from '@hybridstore/sql/parsing';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

const definition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' as const }] };

describe('a query looks at the log of a table once', () => {
  let node: NodeUnderTest;
  let looks = 0;

  before(async () => {
    node = await createNodeUnderTest();
    await node.engine.putSource(definition);
    await node.engine.append({ sourceId: 'numbers', records: [{ fields: { n: 1 } }] });
    for (const method of ['snapshot', 'source'] as const) {
      const look: (sourceId: string) => Promise<unknown> = node.engine[method].bind(node.engine);
      Object.assign(node.engine, {
        [method]: (sourceId: string) => {
          looks += 1;
          return look(sourceId);
        },
      });
    }
  });
  after(() => node.close());

  const search = { source_id: 'numbers', limit: 10 };
  const aggregate = { source_id: 'numbers', aggregations: [{ function: 'count', field: '*', alias: 'c' }] };
  const { plan } = parseSql(
    'SELECT n FROM numbers',
    new Map([['numbers', definition]]),
    { dialect: 'duckdb', isStrict: true },
    [],
  );
  const execute = {
    query_id: `q-${'0'.repeat(32)}`,
    plan,
    consistency: 'strict',
    format: 'rows_json',
    deadline_ms: 60_000,
  };
  const requests: readonly (readonly [string, object])[] = [
    ['/data/search', search],
    ['/data/search/stream', search],
    ['/data/aggregate', aggregate],
    ['/internal/execute', execute],
  ];
  for (const [url, payload] of requests)
    it(`by ${url}`, async () => {
      looks = 0;
      await ask(url, payload);
      assert.equal(looks, 1);
    });

  it('and again only where its columns have changed elsewhere, or the source was made anew', async () => {
    const other = await createEngine({
      pod: 'acme-1',
      logFolder: `${node.folder}/log-1`,
      dataFolder: `${node.folder}/data`,
      clock: systemClock,
      logger: silentLogger,
      onFatal: () => {},
    });
    const added = { name: 'added', type: 'string' as const };
    await other.putSource({ ...definition, columns: [...definition.columns, added] });
    const filtered = { ...search, conditions: [{ field: 'added', operator: 'exists', value: false }] };
    assert.deepEqual(JSON.parse(await ask('/data/search', filtered)).records, [
      { source_id: 'numbers', fields: { n: 1, added: null } },
    ]);
    await other.deleteSource('numbers');
    await other.putSource({ source_id: 'numbers', columns: [{ name: 'other', type: 'string' }] });
    assert.deepEqual(JSON.parse(await ask('/data/search', search)).records, []);
    await other.close();
  });

  async function ask(url: string, payload: object): Promise<string> {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.body;
  }
});
