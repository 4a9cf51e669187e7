import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { runExample } from '@hybridstore/test-kit';

it('the example of the page serves an endpoint of its own and calls it', async () => {
  const { greeting, refusal } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual(greeting, { text: 'hello Ada hello Ada' });
  assert.ok(isHybridStoreError(refusal, 'invalid_request'));
  assert.equal(refusal.details['field'], 'times');
});
