import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runExample } from '@hybridstore/test-kit';

test('the example of the page prints and prunes as its comments say', async () => {
  const { sql, isRead } = await runExample(new URL('../README.md', import.meta.url));
  assert.equal(sql, 'SELECT "e"."kind" AS "kind" FROM "events" AS "e" WHERE ("e"."id" > 5)');
  assert.equal(isRead, false);
});
