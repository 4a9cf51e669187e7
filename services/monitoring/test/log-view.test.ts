import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogEntry } from '@hybridstore/contracts';
import { createLogger, HybridStoreError, LogRing } from '@hybridstore/runtime';
import { viewEntry } from '../src/domain/log-view.ts';

const view = (fields: Record<string, unknown>): Record<string, unknown> => {
  const entry: LogEntry = { time: 't', level: 'error', service: 'tenant-node', instance: 'i', event: 'failed', fields };
  return viewEntry(entry).fields;
};

describe('an entry for a plain reader', () => {
  it('says what went wrong, without a stack of any cause and without a path', () => {
    const ring = new LogRing();
    const logger = createLogger({ service: 'tenant-node', instance: 'i', level: 'info', ring, write: () => {} });
    const cause = new TypeError("ENOENT: no such file or directory, open '/var/lib/hybridstore/data/x/part-1.parquet'");
    logger.error('failed', { error: new HybridStoreError('corrupt', 'the log', {}, { cause }), nested: [{ cause }] });
    const [entry] = ring.tail().entries;
    const text = JSON.stringify(viewEntry(entry ?? assert.fail('no entry')));
    assert.match(text, /"name":"TypeError"/);
    assert.match(text, /ENOENT: no such file or directory, open '…\/part-1\.parquet'/);
    assert.doesNotMatch(text, /stack|\/var\/lib|file:\/\/|\bat .*\.ts/);
  });

  const texts: readonly [string, string, string][] = [
    [
      'a stack inside a message',
      'boom\n    at run (/app/main.js:1:2)\n    at file:///app/x.ts:3:4\nafter',
      'boom\nafter',
    ],
    ['a folder', 'cannot write /var/lib/hybridstore/log', 'cannot write …'],
    ['a folder alone in a field', '/var/lib/hybridstore/log', '…'],
    ['a file with a place in it', 'in /app/src/main.ts:12:5', 'in …/main.ts'],
    ['a file URL', 'import file:///app/src/main.ts failed', 'import …/main.ts failed'],
    ['a path in quotes and brackets', `open '/etc/a.json' ["/etc/b"](/etc/c.d/e)`, `open '…/a.json' ["…"](…)`],
    ['a path behind an equals sign', 'path=/srv/secret/key.pem', 'path=…/key.pem'],
    [
      'a path of the API',
      'POST /data/write and /logs/tenant-node, /health',
      'POST /data/write and /logs/tenant-node, /health',
    ],
    ['an address', 'http://10.0.0.1:8000/data/write', 'http://10.0.0.1:8000/data/write'],
    ['a source, a ratio and a date', 'default/acme 3/4 2026/11/29', 'default/acme 3/4 2026/11/29'],
  ];
  for (const [what, given, shown] of texts)
    it(`shows of ${what} what is his to know`, () => {
      assert.deepEqual(view({ error: { message: given } }), { error: { message: shown } });
    });

  it('keeps numbers, truths, absence and lists', () => {
    const fields = { a: 1, b: true, c: null, d: [1, 'x', { e: 'y' }] };
    assert.deepEqual(view(fields), fields);
  });

  it('ends at a depth, however deep it is nested', () => {
    let deep: unknown = '/etc/passwd';
    for (let level = 0; level < 10_000; level += 1) deep = level % 2 ? [deep] : { deep };
    assert.match(JSON.stringify(view({ deep })), /"…"/);
    assert.ok(JSON.stringify(view({ deep })).length < 500);
  });

  it('is made in time that grows with its text only', () => {
    const hostile = ['/'.repeat(60_000), '/a'.repeat(30_000), '\n '.repeat(30_000), `${' '.repeat(60_000)}at`];
    for (const text of hostile) assert.equal(typeof view({ text })['text'], 'string');
  });
});
