import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { endProcess, isAlive, parseStartTicks, readProcessFile, readStartTicks } from '../processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'processes-test-'));
after(() => rmSync(folder, { recursive: true }));

const fields = (state: string) => `${state} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0`;

test('the start time is read although the command’s name holds blanks and brackets', () => {
  assert.equal(parseStartTicks(`42 (a) b (c)) ${fields('S')}`), '4711');
});

test('a zombie has no start time: it is dead', () => {
  assert.equal(parseStartTicks(`42 (node) ${fields('Z')}`), undefined);
});

test('a process is alive only under its own start time', () => {
  const startTicks = readStartTicks(process.pid);
  assert.ok(startTicks);
  assert.equal(isAlive({ name: 'me', pid: process.pid, startTicks }), true);
  assert.equal(isAlive({ name: 'me', pid: process.pid, startTicks: '1' }), false);
});

test('a torn last line of the book is left out, the others are kept', () => {
  const path = join(folder, 'processes.jsonl');
  const record = { name: 'etcd', pid: 7, startTicks: '9' };
  writeFileSync(path, `${JSON.stringify(record)}\n{"name":"kube`);
  assert.deepEqual(readProcessFile(path), [record]);
});

test('without a book there are no processes', () => {
  assert.deepEqual(readProcessFile(join(folder, 'missing')), []);
});

test('a process that ignores SIGTERM is killed', async () => {
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const record = { name: 'stubborn', pid, startTicks: readStartTicks(pid) ?? '' };
  await endProcess(record, 0);
  assert.equal(isAlive(record), false);
});

test('ending a dead process touches nobody who got its pid', async () => {
  await endProcess({ name: 'old', pid: process.pid, startTicks: '1' }, 0);
  assert.ok(readStartTicks(process.pid));
});
