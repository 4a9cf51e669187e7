import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortable, createProgress, heartbeatMs } from '../progress.ts';

test('a step gives its result and says that it ended', async () => {
  const lines: string[] = [];
  assert.equal(await createProgress((line) => lines.push(line))('etcd', async () => 7), 7);
  assert.match(lines.join('\n'), /^ +\d+\.\d s {2}etcd$/);
});

test('a step that takes long says what it is doing and for how long', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const step = createProgress((line) => lines.push(line))('build', async (report) => {
    context.mock.timers.tick(heartbeatMs);
    report('k8s.io/api, package 1 of 2');
    report('k8s.io/api, package 2 of 2');
    context.mock.timers.tick(heartbeatMs);
    await promise;
  });
  resolve();
  await step;
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^ +\d+\.\d s {2}… build$/);
  assert.match(lines[1] ?? '', /^ +\d+\.\d s {2}… build: k8s\.io\/api, package 2 of 2$/);
  assert.match(lines[2] ?? '', /^ +\d+\.\d s {2}build$/);
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
