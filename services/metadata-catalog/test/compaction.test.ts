import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompactionPolicyState, CompactResponse, ErrorBody, ScanStatistics } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { acme, TestCatalog, testPolicy } from './test-catalog.ts';
import { mebibyte, testFile } from './test-files.ts';

const minuteMs = 60_000;
const compact = { method: 'POST', path: '/metadata/compact' } as const;
const policyPath = '/internal/policies/default/nightly';
const resultsOf = (body: unknown) => (body as CompactResponse).results;
const small = (count: number, name = 'f') =>
  Array.from({ length: count }, (_, index) => testFile(`${name}${index}.parquet`, { modified_at: index }));

/** Looks at the policies now and waits for what that started. */
async function tick(catalog: TestCatalog): Promise<void> {
  await catalog.app.scheduler.tick();
  await catalog.app.scheduler.idle();
}

/** Lets time pass in ticks of a minute. */
async function pass(catalog: TestCatalog, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    await catalog.clock.advance(minuteMs);
    await tick(catalog);
  }
}

test('small files are merged now and the catalog shows the merged table', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: [...small(3), testFile('big.parquet', { bytes: 60 * mebibyte })] });
  await catalog.registerTenant();
  const { status, body } = await catalog.call(compact, catalog.issuer.userToken(acme), { source_id: 'events' });
  assert.equal(status, 200);
  assert.deepEqual(resultsOf(body), [
    {
      source_id: 'events',
      state: 'done',
      files_before: 3,
      files_after: 1,
      bytes_before: 3 * mebibyte,
      bytes_after: 3 * mebibyte,
      table_version: 1,
    },
  ]);
  assert.deepEqual(catalog.node.compactions[0]?.request, {
    groups: [{ paths: ['f0.parquet', 'f1.parquet', 'f2.parquet'] }],
    file_bytes_max: 512 * mebibyte,
    retain_snapshots_hours: 24,
  });
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.files, source?.rows, source?.table_version], [2, 40, 1]);
  assert.equal(source?.last_compaction_at, '2023-11-14T22:13:20.000Z');
});

test('an order sees commits of which no notice has come', async () => {
  await using catalog = await TestCatalog.start();
  const table = catalog.node.put('events', { files: small(1) });
  await catalog.registerTenant();
  table.files = small(3);
  table.version = 1;
  const { body } = await catalog.call(compact, catalog.issuer.userToken(acme), { source_id: 'events' });
  assert.deepEqual(
    resultsOf(body).map((result) => [result.state, result.files_before, result.files_after]),
    [['done', 3, 1]],
  );
});

test('an order for a table that its node does not show fails with the reason, and leaves the others to be merged', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('dark', { files: small(2) });
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  catalog.node.beforeSnapshot = (sourceId) => {
    if (sourceId === 'dark') throw new HybridStoreError('unavailable', 'the volume is away');
  };
  const { status, body } = await catalog.call(compact, catalog.issuer.userToken(acme), {});
  assert.equal(status, 200);
  assert.deepEqual(
    resultsOf(body).map((result) => [result.source_id, result.state, result.error]),
    [
      ['dark', 'failed', 'unavailable: the volume is away'],
      ['events', 'done', undefined],
    ],
  );
});

test('a dry run shows what would be merged and merges nothing', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(4) });
  catalog.node.put('orders');
  await catalog.registerTenant();
  const { body } = await catalog.call(compact, catalog.issuer.userToken(acme), { dry_run: true });
  assert.deepEqual(
    resultsOf(body).map(({ source_id, state, files_before, files_after }) => [
      source_id,
      state,
      files_before,
      files_after,
    ]),
    [
      ['events', 'planned', 4, 1],
      ['orders', 'nothing_to_do', 0, 0],
    ],
  );
  assert.deepEqual(catalog.node.compactions, []);
});

test('force merges files that are big enough for the policy', async () => {
  await using catalog = await TestCatalog.start();
  const files = [60, 70].map((sizeMb, index) =>
    testFile(`b${index}`, { bytes: sizeMb * mebibyte, modified_at: index }),
  );
  catalog.node.put('events', { files });
  await catalog.registerTenant();
  const token = catalog.issuer.userToken(acme);
  const plain = await catalog.call(compact, token, {});
  assert.deepEqual(
    resultsOf(plain.body).map((result) => result.state),
    ['nothing_to_do'],
  );
  const forced = await catalog.call(compact, token, { force: true });
  assert.deepEqual(
    resultsOf(forced.body).map((result) => [result.state, result.files_after]),
    [['done', 1]],
  );
});

test("a merged file never grows above the source's own file size", async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', {
    definition: { source_id: 'events', max_file_size_mb: 2 },
    files: small(5),
  });
  await catalog.registerTenant();
  await catalog.call(compact, catalog.issuer.userToken(acme), {});
  assert.equal(catalog.node.compactions[0]?.request.file_bytes_max, 2 * mebibyte);
  assert.deepEqual(
    catalog.node.compactions[0]?.request.groups.map((group) => group.paths.length),
    [2, 2],
  );
});

test('only sources that the caller may manage are merged, an unknown one is named', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  catalog.node.put('orders', { files: small(2) });
  await catalog.registerTenant();
  const token = catalog.issuer.userToken(acme, [{ sources: ['events', 'lost'], actions: ['manage'] }]);
  const { body } = await catalog.call(compact, token, {});
  assert.deepEqual(
    resultsOf(body).map((result) => result.source_id),
    ['events'],
  );
  assert.equal((await catalog.call(compact, token, { source_id: 'orders' })).status, 403);
  const lost = await catalog.call(compact, token, { source_id: 'lost' });
  assert.deepEqual([lost.status, (lost.body as ErrorBody).error.details['source_id']], [404, 'lost']);
});

test('files that were replaced meanwhile are decided upon again', async () => {
  await using catalog = await TestCatalog.start();
  const table = catalog.node.put('events', { files: small(3) });
  await catalog.registerTenant();
  catalog.node.beforeCompaction = () => {
    catalog.node.beforeCompaction = () => {};
    table.files = small(4, 'new');
    table.version = 5;
  };
  const { body } = await catalog.call(compact, catalog.issuer.userToken(acme), {});
  assert.deepEqual(
    resultsOf(body).map(({ state, files_before, table_version }) => [state, files_before, table_version]),
    [['done', 4, 6]],
  );
});

test('a node that is away makes a failed result, not a failed request', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  await catalog.node.stop();
  const { status, body } = await catalog.call(compact, catalog.issuer.userToken(acme), {});
  assert.equal(status, 200);
  const [result] = resultsOf(body);
  assert.deepEqual([result?.state, result?.table_version], ['failed', null]);
  assert.match(result?.error ?? '', /^unavailable: 127\.0\.0\.1:\d+ cannot be reached$/);
});

test('one table is merged by one order at a time', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  const token = catalog.issuer.userToken(acme);
  let second: CompactResponse | undefined;
  catalog.node.beforeCompaction = async () => {
    second = (await catalog.call(compact, token, {})).body;
  };
  const first = await catalog.call(compact, token, {});
  assert.equal(resultsOf(first.body)[0]?.state, 'done');
  assert.equal(second?.results[0]?.error, 'conflict: the table is being merged');
});

test('a policy runs once per interval and keeps its results', async () => {
  await using catalog = await TestCatalog.start();
  const table = catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  const put = await catalog.operator('PUT', policyPath, testPolicy());
  const before = put.body as CompactionPolicyState;
  assert.deepEqual([put.status, before.active, before.last_run_at], [200, true, null]);
  await pass(catalog, 6);
  assert.equal(catalog.node.compactions.length, 1);
  const after = (await catalog.operator('GET', policyPath)).body as CompactionPolicyState;
  assert.deepEqual(
    after.last_results.map((result) => [result.source_id, result.state]),
    [['events', 'done']],
  );
  assert.equal(
    Date.parse(after.next_run_at!) - Math.floor(Date.parse(after.last_run_at!) / minuteMs) * minuteMs,
    60 * minuteMs,
  );
  table.files = small(2, 'later');
  table.version += 1;
  await catalog.app.catalog.refreshTenant(acme);
  await pass(catalog, 50);
  assert.equal(catalog.node.compactions.length, 1);
  await pass(catalog, 15);
  assert.equal(catalog.node.compactions.length, 2);
});

test('the same policy again leaves its next run as it is', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  const first = await catalog.operator('PUT', policyPath, testPolicy());
  await catalog.clock.advance(minuteMs);
  assert.deepEqual(await catalog.operator('PUT', policyPath, testPolicy()), first);
  const off = await catalog.operator('PUT', policyPath, testPolicy({ enabled: false }));
  assert.deepEqual(off.body, {
    policy_id: 'default/nightly',
    active: false,
    last_run_at: null,
    next_run_at: null,
    last_results: [],
  });
});

test('a policy that is off merges nothing, and neither do the defaults behind it', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  await catalog.operator('PUT', policyPath, testPolicy({ enabled: false }));
  await pass(catalog, 130);
  assert.deepEqual(catalog.node.compactions, []);
});

test('tenants without a policy are merged by the defaults, unless those are off', async () => {
  for (const enabled of [true, false]) {
    await using catalog = await TestCatalog.start({
      compaction: { enabled, intervalMinutes: 60, fileSizeMinMb: 50, fileSizeMaxMb: 512 },
    });
    catalog.node.put('events', { files: small(2) });
    await catalog.registerTenant();
    await pass(catalog, 7);
    assert.equal(catalog.node.compactions.length, enabled ? 1 : 0);
  }
});

test('a policy that names a source goes before one for all sources', async () => {
  await using catalog = await TestCatalog.start();
  for (const source of ['events', 'orders']) catalog.node.put(source, { files: small(2) });
  await catalog.registerTenant();
  await catalog.operator('PUT', policyPath, testPolicy({ source_ids: ['events'], retain_snapshots_hours: 1 }));
  await catalog.operator(
    'PUT',
    '/internal/policies/default/all',
    testPolicy({ policy_id: 'default/all', retain_snapshots_hours: 2 }),
  );
  await pass(catalog, 7);
  assert.deepEqual(
    catalog.node.compactions.map(({ sourceId, request }) => [sourceId, request.retain_snapshots_hours]).sort(),
    [
      ['events', 1],
      ['orders', 2],
    ],
  );
});

test('a policy merges at most as many tables at once as it says', async () => {
  for (const max_concurrent of [1, 3]) {
    await using catalog = await TestCatalog.start();
    for (let index = 0; index < 6; index += 1) catalog.node.put(`t${index}`, { files: small(2) });
    await catalog.registerTenant();
    await catalog.operator('PUT', policyPath, testPolicy({ max_concurrent }));
    let [running, most] = [0, 0];
    catalog.node.beforeCompaction = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await pass(catalog, 7);
    assert.equal(catalog.node.compactions.length, 6);
    assert.ok(most <= max_concurrent, `${most} at once`);
  }
});

test('a run that was missed while the catalog was down comes once, after a restart', async () => {
  await using catalog = await TestCatalog.start();
  const table = catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  await catalog.operator('PUT', policyPath, testPolicy());
  await pass(catalog, 7);
  assert.equal(catalog.node.compactions.length, 1);
  await catalog.close();
  table.files = small(2, 'later');
  table.version += 1;
  await catalog.clock.advance(10 * 60 * minuteMs);
  catalog.open();
  await catalog.app.catalog.refreshAll();
  await pass(catalog, 30);
  assert.equal(catalog.node.compactions.length, 2);
});

test('a run starts only in minutes of its window', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  // The fake clock starts at 22:13:20.
  await catalog.operator('PUT', policyPath, testPolicy({ window: '* 23 * * *' }));
  await pass(catalog, 46);
  assert.deepEqual(catalog.node.compactions, []);
  await pass(catalog, 2);
  assert.equal(catalog.node.compactions.length, 1);
});

test('a clock set back by a day delays a policy by its interval at most', async () => {
  await using catalog = await TestCatalog.start();
  const table = catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  await catalog.operator('PUT', policyPath, testPolicy());
  await catalog.store.putPolicyState({
    policyId: 'default/nightly',
    lastRunAtMs: catalog.clock.now() + 24 * 60 * minuteMs,
    nextRunAtMs: catalog.clock.now() + 25 * 60 * minuteMs,
    decidedAtMs: catalog.clock.now() + 24 * 60 * minuteMs,
    lastResults: [],
  });
  await pass(catalog, 61);
  assert.equal(catalog.node.compactions.length, 1);
  assert.equal(table.files.length, 1);
});

test('the scheduler looks at policies by itself and stops when it has to', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: small(2) });
  await catalog.registerTenant();
  const { pending } = catalog.clock;
  catalog.app.scheduler.start();
  assert.equal(catalog.clock.pending, pending + 1);
  await catalog.app.scheduler.stop();
  assert.equal(catalog.clock.pending, pending);
});

test('policies that do not fit are refused by field', async () => {
  await using catalog = await TestCatalog.start();
  const fieldOf = async (policy: object, path = policyPath) => {
    const { status, body } = await catalog.operator('PUT', path, policy);
    return [status, (body as ErrorBody).error.details['field']];
  };
  assert.deepEqual(await fieldOf(testPolicy({ min_file_size_mb: 600 })), [400, 'min_file_size_mb']);
  assert.deepEqual(await fieldOf(testPolicy({ window: 'every night' })), [400, 'window']);
  assert.deepEqual(await fieldOf(testPolicy({ max_concurrent: 0 })), [400, 'max_concurrent']);
  assert.deepEqual(await fieldOf({ ...testPolicy(), surprise: true }), [400, 'surprise']);
  assert.deepEqual(await fieldOf(testPolicy(), '/internal/policies/default/other'), [400, 'policy_id']);
  assert.equal((await catalog.operator('GET', policyPath)).status, 404);
  assert.deepEqual((await catalog.operator('DELETE', policyPath)).body, { removed: false });
});

test('statistics count what pruning leaves of each scan, in the order of the request', async () => {
  await using catalog = await TestCatalog.start();
  const files = [0, 1, 2].map((day) =>
    testFile(`d${day}.parquet`, {
      bytes: 100,
      columns: { id: { min: String(day * 10), max: String(day * 10 + 9), nulls: 0 } },
    }),
  );
  catalog.node.put('events', { version: 4, files, unflushedRows: 3 });
  await catalog.registerTenant();
  const ask = (body: unknown, token = catalog.issuer.userToken(acme)) =>
    catalog.call({ method: 'POST', path: '/internal/statistics' }, token, body);
  const { body } = await ask({
    scans: [
      { source_id: 'events', predicates: [{ column: 'id', operator: 'gte', values: ['10'] }] },
      { source_id: 'events', predicates: [] },
    ],
  });
  const { scans } = body as { scans: ScanStatistics[] };
  assert.deepEqual(scans[0], {
    source_id: 'events',
    schema_version: 1,
    table_version: 4,
    rows: 30,
    bytes: 300,
    files: 3,
    unflushed_rows: 3,
    matched_rows: 20,
    matched_bytes: 200,
    matched_files: 2,
    columns: { id: { min: '0', max: '29', nulls: 0, distinct: 30 } },
  });
  assert.equal(scans[1]?.matched_files, 3);
  const scan = { source_id: 'events', predicates: [] };
  const foreign = catalog.issuer.userToken(acme, [{ sources: ['orders'], actions: ['read'] }]);
  assert.equal((await ask({ scans: [scan] }, foreign)).status, 403);
  assert.equal((await ask({ scans: [{ source_id: 'never', predicates: [] }] })).status, 404);
});
