import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LogicalPlan } from '@hybridstore/contracts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/** There is a source `hidden`; there is none that is called `absent`. */
const names = ['hidden', 'absent'] as const;

describe('what may not be read', () => {
  let node: NodeUnderTest;

  before(async () => {
    node = await createNodeUnderTest();
    for (const source_id of ['sales', 'hidden']) {
      const columns = [{ name: 'id', type: 'bigint' }];
      await node.engine.putSource({ source_id, columns });
    }
  });
  after(() => node.close());

  const scan = (source: string) => ({ kind: 'scan', source, alias: 'a', columns: ['id'] }) as const;
  const plan = (read: readonly string[], listed: readonly string[]): LogicalPlan => ({
    kind: 'plan',
    version: 1,
    query: {
      kind: 'query',
      body: {
        kind: 'set_operation',
        operator: 'union',
        all: true,
        inputs: read.map((source, index) => ({
          kind: 'select',
          projections: [{ name: 'id', value: { kind: 'column', relation: `a${index}`, name: 'id' } }],
          from: { ...scan(source), alias: `a${index}` },
        })),
      },
    },
    parameters: [],
    tables: listed.map((source) => ({ source, columns: ['id'] })),
  });
  const execute = (read: readonly string[], listed: readonly string[]) => ({
    method: 'POST' as const,
    url: '/internal/execute',
    payload: {
      query_id: `q-${'0'.repeat(32)}`,
      plan: plan(read, listed),
      consistency: 'committed',
      format: 'rows_json',
      deadline_ms: 10_000,
    },
  });

  const count = { function: 'count', field: '*', alias: 'n' };
  const doors: readonly [string, (name: string) => { method: 'GET' | 'POST'; url: string; payload?: object }][] = [
    ['a search', (name) => ({ method: 'POST', url: '/data/search', payload: { source_id: name } })],
    [
      'a search of several',
      (name) => ({ method: 'POST', url: '/data/search', payload: { source_ids: ['sales', name] } }),
    ],
    ['a streamed search', (name) => ({ method: 'POST', url: '/data/search/stream', payload: { source_id: name } })],
    [
      'an aggregate',
      (name) => ({ method: 'POST', url: '/data/aggregate', payload: { source_id: name, aggregations: [count] } }),
    ],
    ['statistics', (name) => ({ method: 'GET', url: `/sources/${name}/stats` })],
    ['a plan', (name) => execute(['sales', name], [name, 'sales'].sort())],
    ['a plan that lists too few', (name) => execute(['sales', name], ['sales'])],
    ['a plan that lists one twice', (name) => execute(['sales', name], ['sales', 'sales'])],
    ['a plan that lists more than it reads', (name) => execute(['sales', 'sales'], [name, 'sales'].sort())],
  ];
  for (const [what, request] of doors)
    it(`is refused in the same words by ${what}, whether it is there or not`, async () => {
      const token = node.issuer.userToken(tenant, [{ sources: ['sales'], actions: ['read'] }]);
      const texts: string[] = [];
      for (const name of names) {
        const answer = await node.server.app.inject({
          ...request(name),
          headers: { authorization: `Bearer ${token}` },
        });
        assert.ok(answer.statusCode >= 400 && answer.statusCode < 500, answer.body);
        const { code, message, details } = answer.json<{ error: Record<string, unknown> }>().error;
        texts.push(JSON.stringify([answer.statusCode, code, message, details]).replaceAll(name, '…'));
      }
      assert.equal(texts[0], texts[1]);
    });
});
