import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import type { CatalogSource, CatalogStats, ErrorBody, Permission } from '@hybridstore/contracts';
import { CatalogClient } from '@hybridstore/http';
import { everything } from '@hybridstore/test-kit';
import { acme, TestCatalog, testNotice } from './test-catalog.ts';
import { mebibyte, testFile } from './test-files.ts';

const list = { method: 'GET', path: '/metadata/sources' } as const;
const listOf = (body: unknown) => (body as { sources: CatalogSource[] }).sources;
const errorOf = (body: unknown) => (body as ErrorBody).error;
const readOnly = (...sources: string[]): Permission[] => [{ sources, actions: ['read'] }];

test('a registered tenant is read from its nodes and its sources are listed by id', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('orders', { version: 3, files: [testFile('o.parquet', { rows: 5 })], unflushedRows: 7 });
  catalog.node.put('events');
  await catalog.registerTenant();
  const { status, body } = await catalog.call(list, catalog.issuer.userToken(acme));
  assert.equal(status, 200);
  assert.deepEqual(
    listOf(body).map(({ source_id, table_version, rows, bytes, files, unflushed_rows }) => ({
      source_id,
      table_version,
      rows,
      bytes,
      files,
      unflushed_rows,
    })),
    [
      { source_id: 'events', table_version: 0, rows: 0, bytes: 0, files: 0, unflushed_rows: 0 },
      { source_id: 'orders', table_version: 3, rows: 5, bytes: mebibyte, files: 1, unflushed_rows: 7 },
    ],
  );
});

test('registering the same tenant again reads nothing', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  const before = catalog.node.listsRead;
  const answer = await catalog.operator('PUT', `/internal/tenants/${acme}`, {
    tenant_id: acme,
    node_url: catalog.nodeUrl,
  });
  assert.deepEqual(answer.body, { tenant_id: acme, node_url: catalog.nodeUrl });
  assert.equal(catalog.node.listsRead, before);
});

test('a tenant that has no Service does not exist, and is not remembered', async () => {
  await using catalog = await TestCatalog.start({ tenantUrlTemplate: 'http://hs-{name}.{namespace}.svc:8000' });
  const token = catalog.issuer.userToken('default/nowhere');
  for (const path of ['/metadata/sources', '/metadata/sources?source_id=events', '/metadata/sources?refresh=true']) {
    const { status, body } = await catalog.call({ method: 'GET', path }, token);
    assert.equal(status, 404, path);
    assert.equal((body as ErrorBody).error.message, 'tenant default/nowhere does not exist');
  }
  const compaction = await catalog.call({ method: 'POST', path: '/metadata/compact' }, token, { source_id: 'events' });
  assert.equal(compaction.status, 404);
  assert.equal(await catalog.store.tenant('default/nowhere'), undefined);
});

test('a list is not sent again to a caller who has it, and each has his own', async () => {
  await using catalog = await TestCatalog.start();
  for (const source of ['events', 'orders']) catalog.node.put(source);
  await catalog.registerTenant();
  const url = await catalog.app.server.app.listen({ host: '127.0.0.1', port: 0 });
  const sources = new CatalogClient({ client: catalog.client, url, answerMsMax: 10_000 });
  const [all, one] = [catalog.issuer.userToken(acme), catalog.issuer.userToken(acme, readOnly('events'))];
  const list = await sources.sourcesIfChanged(all, undefined);
  assert.deepEqual(
    list?.sources.map((source) => source.source_id),
    ['events', 'orders'],
  );
  assert.equal(await sources.sourcesIfChanged(all, list?.name), undefined);
  const own = await sources.sourcesIfChanged(one, list?.name);
  assert.deepEqual(
    own?.sources.map((source) => source.source_id),
    ['events'],
  );
  catalog.node.put('third');
  await sources.source(all, 'third');
  const changed = await sources.sourcesIfChanged(all, list?.name);
  assert.deepEqual(
    changed?.sources.map((source) => source.source_id),
    ['events', 'orders', 'third'],
  );
});

test('a caller sees only the sources that his permissions name', async () => {
  await using catalog = await TestCatalog.start();
  for (const source of ['events', 'events_old', 'orders']) catalog.node.put(source);
  await catalog.registerTenant();
  const ids = async (permissions: Permission[], path = '/metadata/sources') =>
    listOf((await catalog.call({ method: 'GET', path }, catalog.issuer.userToken(acme, permissions))).body).map(
      (source) => source.source_id,
    );
  assert.deepEqual(await ids(readOnly('events*')), ['events', 'events_old']);
  assert.deepEqual(await ids([]), []);
  assert.deepEqual(await ids([{ sources: ['*'], actions: ['write'] }]), []);
  assert.deepEqual(await ids(readOnly('events'), '/metadata/sources?source_id=orders'), []);
});

test("another tenant's caller sees nothing of a tenant and cannot name it", async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events');
  await catalog.registerTenant();
  const answer = await catalog.call(list, catalog.issuer.userToken('default/other'));
  assert.equal(answer.status, 503);
  assert.equal(errorOf(answer.body).code, 'unavailable');
  const statistics = await catalog.call(
    { method: 'POST', path: '/internal/statistics' },
    catalog.issuer.userToken('default/other'),
    { scans: [{ source_id: 'events', predicates: [] }] },
  );
  assert.equal(statistics.status, 503);
});

test('a notice that continues the held version is applied without asking the node', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  const before = catalog.node.snapshotsRead;
  const answer = await catalog.notify({
    table_version: 2,
    since_version: 0,
    removed: ['a.parquet'],
    added: [testFile('b.parquet', { rows: 4 }), testFile('c.parquet', { rows: 2, bytes: 100 })],
    unflushed_rows: 9,
  });
  assert.deepEqual(answer, { status: 200, body: { table_version: 2 } });
  assert.equal(catalog.node.snapshotsRead, before);
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.rows, source?.bytes, source?.files, source?.unflushed_rows], [6, mebibyte + 100, 2, 9]);
});

test('a file that a commit replaces under its own path is counted once', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  await catalog.notify({ removed: ['a.parquet'], added: [testFile('a.parquet', { rows: 8 })] });
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.rows, source?.files], [8, 1]);
});

test('a gap in versions and an unknown source make the catalog read the whole table', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.pageFilesMax = 2;
  const files = ['a', 'b', 'c', 'd', 'e'].map((name) => testFile(`${name}.parquet`));
  catalog.node.put('events', { version: 7, files });
  await catalog.registerTenant();
  catalog.node.put('events', { version: 9, files: files.slice(1) });
  assert.deepEqual((await catalog.notify({ table_version: 9, since_version: 8 })).body, { table_version: 9 });
  assert.equal((await catalog.app.catalog.source(acme, 'events'))?.files, 4);
  catalog.node.put('fresh', { version: 4, files });
  const unknown = await catalog.notify({ source_id: 'fresh', table_version: 4, since_version: 3 });
  assert.deepEqual(unknown.body, { table_version: 4 });
  assert.equal((await catalog.app.catalog.source(acme, 'fresh'))?.files, 5);
});

test('a notice of an old version changes nothing but the unflushed rows of its node', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 5, files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  const answer = await catalog.notify({
    table_version: 4,
    since_version: 3,
    removed: ['a.parquet'],
    unflushed_rows: 3,
  });
  assert.deepEqual(answer.body, { table_version: 5 });
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.files, source?.unflushed_rows], [1, 3]);
});

test('unflushed rows are summed over the nodes that report them', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { unflushedRows: 100 });
  await catalog.registerTenant();
  await catalog.notify({ table_version: 1, since_version: 0, unflushed_rows: 4, node_url: 'http://node-0' });
  await catalog.notify({ table_version: 2, since_version: 1, added: [], unflushed_rows: 5, node_url: 'http://node-1' });
  await catalog.notify({ table_version: 3, since_version: 2, added: [], unflushed_rows: 1, node_url: 'http://node-0' });
  assert.equal((await catalog.app.catalog.source(acme, 'events'))?.unflushed_rows, 6);
});

test('a notice for a tenant that the token does not name is refused and changes nothing', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  const answer = await catalog.notify({ since_version: -1 }, 'default/other');
  assert.equal(answer.status, 403);
  assert.deepEqual(errorOf(answer.body).details, { field: 'tenant_id', tenant: acme });
  assert.deepEqual(await catalog.store.sources(acme), []);
});

test('only the services named by an endpoint may call it', async () => {
  await using catalog = await TestCatalog.start();
  const { issuer } = catalog;
  const commits = { method: 'POST', path: '/internal/commits' } as const;
  assert.equal((await catalog.call(commits, issuer.userToken(acme), testNotice)).status, 403);
  assert.equal((await catalog.call(commits, issuer.serviceToken('operator', acme), testNotice)).status, 403);
  const tenant = { method: 'DELETE', path: `/internal/tenants/${acme}` } as const;
  assert.equal((await catalog.call(tenant, issuer.serviceToken('tenant-node', acme))).status, 403);
  assert.equal((await catalog.call(tenant, issuer.userToken(acme))).status, 403);
  assert.equal((await catalog.call(list, issuer.serviceToken('cbo-engine', acme))).status, 403);
  const compact = { method: 'POST', path: '/metadata/compact' } as const;
  assert.equal((await catalog.call(compact, issuer.userToken(acme, readOnly('*')), {})).status, 403);
  const rights = { tenant: acme, permissions: [...everything] };
  for (const name of ['monitoring', 'operator', 'metadata-catalog', 'auth-gateway']) {
    const mixed = issuer.sign(name, { sub: `service:${name}`, ...rights });
    assert.equal((await catalog.call(compact, mixed, {})).status, 401, name);
    assert.equal((await catalog.call(list, mixed)).status, 401, name);
  }
  assert.equal((await catalog.call(compact, issuer.sign('operator', { sub: 'user:eve', ...rights }), {})).status, 401);
});

test('bodies and queries that do not fit are refused by field', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  const token = catalog.issuer.userToken(acme);
  const field = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const answer = await catalog.call({ method, path }, token, body);
    return [answer.status, errorOf(answer.body).code, errorOf(answer.body).details['field']];
  };
  assert.deepEqual(await field('POST', '/metadata/compact', { surprise: 1 }), [400, 'invalid_request', 'surprise']);
  assert.deepEqual(await field('POST', '/metadata/compact', { force: 'yes' }), [400, 'invalid_request', 'force']);
  assert.deepEqual(await field('POST', '/internal/statistics', { scans: [] }), [400, 'invalid_request', 'scans']);
  assert.deepEqual(await field('GET', '/metadata/sources?source_id=No%20Table'), [400, 'invalid_request', 'source_id']);
  const negative = await catalog.notify({ table_version: -4 });
  assert.deepEqual([negative.status, errorOf(negative.body).details['field']], [400, 'table_version']);
  const mismatch = await catalog.operator('PUT', '/internal/tenants/default/other', {
    tenant_id: acme,
    node_url: catalog.nodeUrl,
  });
  assert.deepEqual([mismatch.status, errorOf(mismatch.body).details['field']], [400, 'tenant_id']);
  const url = await catalog.operator('PUT', `/internal/tenants/${acme}`, { tenant_id: acme, node_url: 'file:///etc' });
  assert.deepEqual([url.status, errorOf(url.body).details['field']], [400, 'node_url']);
});

test('a source that is not known is read from the node when a user asks for it', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  catalog.node.put('late', { version: 2 });
  const token = catalog.issuer.userToken(acme);
  const found = await catalog.call({ method: 'GET', path: '/metadata/sources?source_id=late' }, token);
  assert.deepEqual(
    listOf(found.body).map((source) => [source.source_id, source.table_version]),
    [['late', 2]],
  );
  const missing = await catalog.call({ method: 'GET', path: '/metadata/sources?source_id=never' }, token);
  assert.deepEqual([missing.status, listOf(missing.body)], [200, []]);
});

test('refresh=true reads tables again that no notice reported', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 1 });
  await catalog.registerTenant();
  catalog.node.put('events', {
    version: 2,
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'extra', type: 'string' },
    ],
    schemaVersion: 2,
  });
  catalog.node.put('brand_new');
  const token = catalog.issuer.userToken(acme);
  const stale = await catalog.call({ method: 'GET', path: '/metadata/sources' }, token);
  assert.deepEqual(
    listOf(stale.body).map((source) => source.schema_version),
    [1],
  );
  const fresh = await catalog.call({ method: 'GET', path: '/metadata/sources?refresh=true' }, token);
  assert.deepEqual(
    listOf(fresh.body).map((source) => [source.source_id, source.schema_version, source.columns.length]),
    [
      ['brand_new', 1, 1],
      ['events', 2, 2],
    ],
  );
});

test('what the nodes no longer have is forgotten, a declaration is not', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('dropped');
  catalog.node.put('declared', { version: 4, files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  await catalog.operator('PUT', `/internal/tenants/${acme}/sources/declared`, { source_id: 'declared' });
  catalog.node.tables.clear();
  await catalog.app.catalog.refreshTenant(acme);
  const sources = await catalog.store.sources(acme);
  assert.deepEqual(
    sources.map((source) => [source.sourceId, source.tableVersion, source.files]),
    [['declared', null, 0]],
  );
});

test('what the nodes cannot read is kept as it was known', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('broken', { version: 4, files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  catalog.node.tables.clear();
  catalog.node.damaged = ['broken'];
  await catalog.app.catalog.refreshTenant(acme);
  const sources = await catalog.store.sources(acme);
  assert.deepEqual(
    sources.map((source) => [source.sourceId, source.tableVersion, source.files]),
    [['broken', 4, 1]],
  );
});

test('a node that is away gives 503 with a time to come back, and what is known is still served', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events');
  await catalog.registerTenant();
  await catalog.node.stop();
  const token = catalog.issuer.userToken(acme);
  assert.equal((await catalog.call(list, token)).status, 200);
  for (const path of ['/metadata/sources?source_id=unknown', '/metadata/sources?refresh=true']) {
    const answer = await catalog.call({ method: 'GET', path }, token);
    assert.equal(answer.status, 503);
    assert.equal(errorOf(answer.body).details['retry_after_ms'], 1_000);
  }
  assert.equal((await catalog.call({ method: 'GET', path: '/ready' }, token)).status, 200);
});

test('a deleted database is rebuilt from the nodes after the operator registers the tenant again', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 6, files: [testFile('a.parquet'), testFile('b.parquet')] });
  await catalog.registerTenant();
  const before = await catalog.app.catalog.source(acme, 'events');
  await catalog.close();
  rmSync(`${catalog.folder.path}/data`, { recursive: true });
  catalog.open();
  assert.deepEqual(await catalog.store.tenants(), []);
  await catalog.registerTenant();
  assert.deepEqual(await catalog.app.catalog.source(acme, 'events'), before);
});

test('after a lost database a user who asks brings his tenant back by the address template', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 1, files: [testFile('a.parquet')] });
  await catalog.close();
  catalog.open({ tenantUrlTemplate: catalog.nodeUrl });
  const answer = await catalog.call(list, catalog.issuer.userToken(acme));
  assert.deepEqual(
    listOf(answer.body).map((source) => source.rows),
    [10],
  );
  assert.deepEqual(
    (await catalog.store.tenants()).map((tenant) => tenant.tenantId),
    [acme],
  );
});

test('a restart finds tables changed while the catalog was down', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 1 });
  await catalog.registerTenant();
  await catalog.close();
  catalog.node.put('events', { version: 2, files: [testFile('a.parquet')] });
  catalog.open();
  await catalog.app.catalog.refreshAll();
  assert.equal((await catalog.app.catalog.source(acme, 'events'))?.files, 1);
});

test('a notice that arrives while the table is being read is not undone by the older snapshot', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 3, files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  let isFirst = true;
  catalog.node.beforeSnapshot = async () => {
    if (!isFirst) return;
    isFirst = false;
    await catalog.notify({ table_version: 4, since_version: 3, added: [testFile('b.parquet')] });
  };
  await catalog.app.catalog.refreshTable(acme, 'events');
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.table_version, source?.files], [4, 2]);
});

test('a table that was dropped and made again is taken at its lower version', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { version: 30, files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  catalog.node.put('events', { version: 0 });
  await catalog.app.catalog.refreshTenant(acme);
  const source = await catalog.app.catalog.source(acme, 'events');
  assert.deepEqual([source?.table_version, source?.files], [0, 0]);
});

test("a node of another tenant at a tenant's address is not believed", async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events');
  await catalog.operator('PUT', '/internal/tenants/default/other', {
    tenant_id: 'default/other',
    node_url: catalog.nodeUrl,
  });
  const answer = await catalog.call(list, catalog.issuer.userToken('default/other'));
  assert.equal(answer.status, 403);
  assert.deepEqual(await catalog.store.sources('default/other'), []);
});

test('a declared source is served before any node has it and keeps the declaration idempotent', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  await catalog.node.stop();
  const path = `/internal/tenants/${acme}/sources/orders`;
  const definition = { source_id: 'orders', columns: [{ name: 'amount', type: 'decimal(10,2)' }] };
  const first = await catalog.operator('PUT', path, definition);
  catalog.clock.advance(5_000);
  const second = await catalog.operator('PUT', path, definition);
  assert.equal(first.status, 200);
  assert.deepEqual(second, first);
  assert.deepEqual((await catalog.operator('GET', path)).body, first.body);
  assert.deepEqual((await catalog.operator('DELETE', path)).body, { removed: true });
  assert.deepEqual((await catalog.operator('DELETE', path)).body, { removed: false });
  assert.equal((await catalog.operator('GET', path)).status, 404);
});

test('a declared source takes the table of the node as soon as there is one', async () => {
  await using catalog = await TestCatalog.start();
  await catalog.registerTenant();
  catalog.node.put('orders', { version: 2, files: [testFile('a.parquet')] });
  const answer = await catalog.operator('PUT', `/internal/tenants/${acme}/sources/orders`, { source_id: 'orders' });
  assert.equal((answer.body as CatalogSource).files, 1);
});

test('a forgotten tenant leaves nothing behind', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: [testFile('a.parquet')] });
  await catalog.registerTenant();
  assert.deepEqual((await catalog.operator('DELETE', `/internal/tenants/${acme}`)).body, { removed: true });
  assert.deepEqual((await catalog.operator('DELETE', `/internal/tenants/${acme}`)).body, { removed: false });
  assert.deepEqual(await catalog.store.sources(acme), []);
  assert.deepEqual(await catalog.store.files(acme, 'events'), []);
});

test('totals count the sources that the caller may read', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('events', { files: [testFile('a.parquet'), testFile('b.parquet', { bytes: 60 * mebibyte })] });
  catalog.node.put('orders', { files: [testFile('o.parquet')] });
  await catalog.registerTenant();
  const stats = { method: 'GET', path: '/metadata/stats' } as const;
  const { body } = await catalog.call(stats, catalog.issuer.userToken(acme, readOnly('events')));
  assert.deepEqual(body as CatalogStats, {
    tenants: 1,
    sources: 1,
    files: 2,
    rows: 20,
    bytes: 61 * mebibyte,
    small_files: 1,
    policies: 0,
    compactions: 0,
    last_refresh_at: '2023-11-14T22:13:20.000Z',
  });
});
