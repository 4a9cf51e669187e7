import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { runExample } from '@hybridstore/test-kit';

it('the example of the page judges a caller and asks equal questions once', async () => {
  const { mayRead, answers, questions, error } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual({ mayRead, answers, questions }, { mayRead: [true, false], answers: [5, 5], questions: 1 });
  assert.ok(isHybridStoreError(error, 'not_found'));
});
