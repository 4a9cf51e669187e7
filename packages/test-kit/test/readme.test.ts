import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryDisk, runExample } from '@hybridstore/test-kit';

it('the example of the page moves the time and proves a token', async () => {
  const { early, late, tenant, disk } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual({ early, late, tenant }, { early: 0, late: 1, tenant: 'default/acme' });
  assert.ok(disk instanceof MemoryDisk);
});
