import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { SqliteLogStore } from '../src/store/sqlite-log-store.ts';

it('the newest entries are read that one answer has room for, however many are wanted', () => {
  using folder = createTemporaryFolder();
  const { store } = SqliteLogStore.open(folder.path, 64 * 1024 * 1024);
  const entries = Array.from({ length: 200 }, (_, number) => ({
    time: new Date(1_700_000_000_000 + number).toISOString(),
    level: 'info',
    service: 'tenant-node',
    instance: 'i',
    event: `entry ${number}`,
    fields: { text: 'x'.repeat(50_000) },
  }));
  store.append('key', 'default/acme', entries, { boot: 'b', next: 200 });
  const page = store.read({ service: 'tenant-node', levels: ['info'], limit: 10_000 });
  assert.deepEqual([page.length, page[0]?.event, page.at(-1)?.event], [83, 'entry 117', 'entry 199']);
  assert.ok(JSON.stringify(page).length <= 4 * 1024 * 1024 + 83 * 1_000);
  store.close();
});
