import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Environment, type Variables } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { readConfig } from '../../src/config.ts';

describe('the configuration', () => {
  const folder = createTemporaryFolder('config');
  after(() => folder[Symbol.dispose]());
  const paths = { DATA_PATH: join(folder.path, 'data'), LOG_PATH: join(folder.path, 'log') };
  const read = (variables: Variables) => readConfig(new Environment({ ...paths, ...variables }));

  it('has the documented defaults', () => {
    const config = read({});
    assert.equal(config.tenantId, 'default/default-tenant');
    assert.equal(config.tenantName, 'Default Tenant');
    assert.equal(config.logRetentionHours, 24);
    assert.equal(config.limits.concurrentMax, 10);
    assert.equal(config.limits.statementMsMax, 60_000);
    assert.equal(config.catalogUrl, undefined);
    assert.equal(config.url, 'http://127.0.0.1:8000');
    assert.equal(config.isPod, false);
  });

  it("puts the pod's name into the node's address", () => {
    const url = 'http://{pod}.hs-acme-nodes.team.svc:8000/';
    assert.equal(read({ NODE_URL: url, POD_NAME: 'hs-acme-3' }).url, 'http://hs-acme-3.hs-acme-nodes.team.svc:8000');
  });

  it('grants the executor process more than DuckDB counts itself', () => {
    assert.deepEqual(read({ DUCKDB_MEMORY_LIMIT: '1GiB' }).executor.dataKibMax, 3 * 1024 * 1024);
    assert.equal(read({ EXECUTOR_ULIMIT: 'false' }).executor.dataKibMax, undefined);
  });

  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  const wrong: readonly (readonly [string, string])[] = [
    ['TENANT_ID', 'acme'],
    ['TENANT_ID', 'default/Acme'],
    ['DATA_PATH', file],
    ['LOG_PATH', '/proc/nowhere'],
    ['MAX_CONCURRENT_SEARCHES', '0'],
    ['MAX_CONCURRENT_SEARCHES', 'many'],
    ['WAL_RETENTION_HOURS', '-1'],
    ['STATEMENT_TIMEOUT_SECONDS', '0'],
    ['DUCKDB_MEMORY_LIMIT', '1 potato'],
    ['DUCKDB_MEMORY_LIMIT', '80%'],
    ['NODE_URL', 'nowhere'],
    ['METADATA_CATALOG_URL', 'nowhere'],
  ];
  for (const [name, value] of wrong) {
    it(`refuses ${name}=${value}, naming it`, () => {
      assert.throws(
        () => read({ [name]: value }),
        (error: unknown) => error instanceof Error && error.message.startsWith(`${name}: expected`),
      );
    });
  }
});
