import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortable, createProgress } from '../progress.ts';

test('a step gives its result and says that it ended', async () => {
  const lines: string[] = [];
  assert.equal(await createProgress((line) => lines.push(line))('etcd', async () => 7), 7);
  assert.match(lines.join('\n'), /^ +\d+\.\d s {2}etcd$/);
});

test('a step that fails says so and keeps its error', async () => {
  const lines: string[] = [];
  const step = createProgress((line) => lines.push(line))('etcd', () => Promise.reject(new Error('no disk')));
  await assert.rejects(step, /no disk/);
  assert.match(lines.join('\n'), /FAILED: etcd/);
});

test('a given signal ends the running step and every later one', async () => {
  const controller = new AbortController();
  const progress = abortable(
    createProgress(() => undefined),
    controller.signal,
  );
  const running = progress('waits without end', () => new Promise(() => undefined));
  controller.abort(new Error('interrupted'));
  await assert.rejects(running, /interrupted/);
  await assert.rejects(
    progress('never begun', async () => assert.fail('it began')),
    /interrupted/,
  );
});
