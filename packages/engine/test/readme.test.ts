import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { runExample } from '@hybridstore/test-kit';

test("the page's example logs, shows, commits and hands out rows", async () => {
  const { fresh, path, rows, lsn, durable } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual([fresh, rows, lsn, durable], [1, 2, 1, true]);
  assert.ok(existsSync(String(path)), String(path));
});
