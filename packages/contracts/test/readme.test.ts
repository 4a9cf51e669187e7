import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '@hybridstore/test-kit';

it('the example of the page types a body, checks it, and narrows permissions', async () => {
  const { isSound, isRefused, granted, status } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual(
    { isSound, isRefused, granted, status },
    { isSound: true, isRefused: true, granted: [{ sources: ['sales_eu'], actions: ['read'] }], status: 413 },
  );
});
