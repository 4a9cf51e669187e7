import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { DatabaseChecked } from '@hybridstore/contracts';
import { acme, TestCatalog } from './test-catalog.ts';
import { testFile } from './test-files.ts';

test('a check of the catalog finds a damaged row while the catalog answers, for the administrator of the platform', async () => {
  await using catalog = await TestCatalog.start();
  catalog.node.put('orders', { version: 3, files: [testFile('o.parquet', { rows: 5 })] });
  await catalog.registerTenant();
  const endpoint = { method: 'POST', path: '/admin/check/catalog' } as const;
  const root = catalog.issuer.sign('auth-gateway', { sub: 'user:root', platform_admin: true });
  const check = async () => (await catalog.call(endpoint, root)).body as DatabaseChecked;
  const whole = await check();
  assert.deepEqual([whole.file, whole.has_ledger, whole.damage], ['catalog.sqlite', true, undefined]);

  const path = `${catalog.folder.path}/data/catalog.sqlite`;
  const bytes = readFileSync(path);
  const damaged = Buffer.from(bytes);
  damaged[bytes.lastIndexOf('o.parquet')]! ^= 1;
  writeFileSync(path, damaged);
  assert.match((await check()).damage ?? '', /^(table \w+: expected|row .* missing|wrong)/);
  assert.equal(
    (await catalog.call({ method: 'GET', path: '/metadata/sources' }, catalog.issuer.userToken(acme))).status,
    200,
  );
  writeFileSync(path, bytes);
  assert.equal((await check()).damage, undefined);
  assert.equal((await catalog.call(endpoint, catalog.issuer.userToken(acme))).status, 403);
});
