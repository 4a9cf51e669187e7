import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommitNotice } from '@hybridstore/contracts';
import type { Commit, SourceState } from '@hybridstore/engine';
import { type ErrorDetails, HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { CommitNotices } from '../../src/clients/commit-notices.ts';

const columns = [{ name: 'id', type: 'bigint' }];

function createWorld() {
  const clock = new FakeClock();
  using folder = createTemporaryFolder('notices');
  const identity = new TestIssuer(folder.path, clock).identity('tenant-node', 'default/acme');
  const sent: CommitNotice[] = [];
  const failures: HybridStoreError[] = [];
  const client = {
    // Called with one endpoint only; what it answers is not read.
    call: async (_url: string, _endpoint: unknown, ...rest: readonly unknown[]) => {
      const failure = failures.shift();
      if (failure) throw failure;
      const [options] = rest as [{ readonly body: CommitNotice }];
      sent.push(options.body);
      return {} as never;
    },
  };
  const source: SourceState = {
    sourceId: 'events',
    definition: { source_id: 'events', columns },
    columns,
    schemaVersion: 1,
    tableVersion: 1,
  };
  const notices = new CommitNotices({
    engine: { source: async () => source, unflushedRows: () => 3 },
    client,
    identity,
    catalogUrl: 'http://catalog:8083',
    tenantId: 'default/acme',
    nodeUrl: 'http://acme-0:8000',
    clock,
    logger: silentLogger,
  });
  return { clock, notices, sent, failures };
}

function commit(version: number): Commit {
  const state = {
    sourceId: 'events',
    location: 'tables/events/1',
    version,
    columns,
    schemaVersion: 1,
    files: [],
    txn: new Map<string, number>(),
    committedAtMs: 1_700_000_000_000,
  };
  return { sourceId: 'events', state, sinceVersion: version - 1, added: [], removed: ['a.parquet'] };
}

function failure(code: 'unavailable' | 'invalid_request', details: ErrorDetails = {}): HybridStoreError {
  return new HybridStoreError(code, code, details);
}

describe('commit notices', () => {
  it('say what changed', async () => {
    const { clock, notices, sent } = createWorld();
    notices.push(commit(4));
    await clock.advance(0);
    assert.deepEqual(sent, [
      {
        tenant_id: 'default/acme',
        source_id: 'events',
        definition: { source_id: 'events', columns },
        columns,
        schema_version: 1,
        table_version: 4,
        committed_at: '2023-11-14T22:13:20.000Z',
        since_version: 3,
        added: [],
        removed: ['a.parquet'],
        unflushed_rows: 3,
        node_url: 'http://acme-0:8000',
      },
    ]);
  });

  it('are sent again, in order, when the catalog was away', async () => {
    const { clock, notices, sent, failures } = createWorld();
    failures.push(failure('unavailable'), failure('unavailable'));
    notices.push(commit(1));
    notices.push(commit(2));
    await clock.advance(10_000);
    assert.deepEqual(
      sent.map((notice) => notice.table_version),
      [1, 2],
    );
  });

  it('that the catalog refuses are not sent again', async () => {
    const { clock, notices, sent, failures } = createWorld();
    failures.push(failure('invalid_request'));
    notices.push(commit(1));
    notices.push(commit(2));
    await clock.advance(10_000);
    assert.deepEqual(
      sent.map((notice) => notice.table_version),
      [2],
    );
  });

  it('never grow beyond their bound: the oldest go', async () => {
    const { clock, notices, sent, failures } = createWorld();
    failures.push(...Array.from({ length: 3 }, () => failure('unavailable')));
    for (let version = 1; version <= 1_005; version += 1) notices.push(commit(version));
    await clock.advance(60_000);
    assert.equal(notices.dropped, 5);
    assert.equal(sent.at(-1)?.table_version, 1_005);
    assert.equal(sent.length, 1_000);
  });

  it('stop with the node', async () => {
    const { clock, notices, sent, failures } = createWorld();
    failures.push(failure('unavailable'));
    notices.push(commit(1));
    await clock.advance(0);
    notices.close();
    await clock.advance(10_000);
    assert.deepEqual(sent, []);
  });
});
