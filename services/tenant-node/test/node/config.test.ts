import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { defaultLimits } from '@hybridstore/engine';
import { Environment, systemDisk, type Variables } from '@hybridstore/runtime';
import { createTemporaryFolder, MemoryDisk, osError } from '@hybridstore/test-kit';
import { readConfig } from '../../src/config.ts';
import { prepareFolders } from '../../src/prepare-folders.ts';

describe('the configuration', () => {
  const folder = createTemporaryFolder('config');
  after(() => folder[Symbol.dispose]());
  const paths = { DATA_PATH: join(folder.path, 'data'), LOG_PATH: join(folder.path, 'log') };
  const read = (variables: Variables) => readConfig(new Environment({ ...paths, ...variables }));

  it('has the documented defaults', () => {
    const config = read({});
    assert.equal(config.tenantId, 'default/default-tenant');
    assert.equal(config.tenantName, 'Default Tenant');
    assert.deepEqual(config.engine, defaultLimits);
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

  it('hands every variable of the engine to it', () => {
    const variables = {
      FLUSH_INTERVAL_MS: ['flushIntervalMs', 250],
      FLUSH_ROWS: ['flushRows', 10],
      FLUSH_BYTES: ['flushBytes', 2_048],
      UNFLUSHED_ROWS_MAX: ['unflushedRowsMax', 500_000],
      UNFLUSHED_BYTES_MAX: ['unflushedBytesMax', 300_000_000],
      LOG_SEGMENT_BYTES_MAX: ['logSegmentBytesMax', 8_192],
      LOG_QUEUE_BYTES_MAX: ['logQueueBytesMax', 8_192],
      LOG_BYTES_MAX: ['logBytesMax', 65_536],
      BATCH_IDS_MAX: ['batchIdsMax', 7],
      COMMITS_PER_CHECKPOINT: ['commitsPerCheckpoint', 3],
      WRITER_MEMORY_BYTES_MAX: ['writerMemoryBytesMax', 100_000_000],
      QUARANTINE_HOURS: ['quarantineHours', 3],
      SCRUB_BYTES_PER_SECOND: ['scrubBytesPerSecond', 4_096],
      MERGE_FILES_MIN: ['mergeFilesMin', 0],
      SCRUB_INTERVAL_HOURS: ['scrubIntervalHours', 6],
      RETAIN_SNAPSHOTS_HOURS: ['retainSnapshotsHours', 2],
      WAL_RETENTION_HOURS: ['logRetentionHours', 0.5],
      BATCH_ID_RETENTION_HOURS: ['batchIdRetentionHours', 36],
    } as const;
    for (const [name, [limit, value]] of Object.entries(variables))
      assert.deepEqual(read({ [name]: String(value) }).engine, { ...defaultLimits, [limit]: value }, name);
  });

  it('keeps replaced files for longer than any statement runs', () => {
    assert.equal(read({ STATEMENT_TIMEOUT_SECONDS: '3600' }).engine.replacedFileGraceMs, 3_660_000);
  });

  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  for (const [name, path] of [
    ['DATA_PATH', file],
    ['DATA_PATH', join(file, 'below')],
    ['LOG_PATH', '/proc/nowhere'],
  ] as const)
    it(`refuses ${name}=${path}, naming it, before anything is opened`, async () => {
      await assert.rejects(prepareFolders(systemDisk, read({ [name]: path })), {
        code: 'invalid_request',
        message: new RegExp(`^${name}: expected a writable folder, found ${path}`),
      });
    });

  it('refuses a volume that takes no file, and makes the folders that are missing', async () => {
    const config = read({ DATA_PATH: join(folder.path, 'deep/er/data') });
    await prepareFolders(systemDisk, config);
    assert.deepEqual(await systemDisk.list(config.dataPath), []);
    const disk = new MemoryDisk();
    disk.fault = (operation) => (operation === 'open' ? osError('EROFS') : undefined);
    await assert.rejects(prepareFolders(disk, config), { code: 'invalid_request', message: /\(EROFS\)$/ });
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['TENANT_ID', 'acme'],
    ['TENANT_ID', 'default/Acme'],
    ['MAX_CONCURRENT_SEARCHES', '0'],
    ['MAX_CONCURRENT_SEARCHES', 'many'],
    ['WAL_RETENTION_HOURS', '-1'],
    ['FLUSH_INTERVAL_MS', '5'],
    ['FLUSH_INTERVAL_MS', '1e9'],
    ['FLUSH_ROWS', '1.5'],
    ['FLUSH_BYTES', 'much'],
    ['UNFLUSHED_ROWS_MAX', '99999'],
    ['UNFLUSHED_BYTES_MAX', '1024'],
    ['LOG_BYTES_MAX', '0'],
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
