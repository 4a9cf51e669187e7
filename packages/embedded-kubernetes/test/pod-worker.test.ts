import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod, Stored } from '@hybridstore/controller-runtime';
import { type LogFields, type Logger, silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { PodWorker } from '../src/kubelet/pod-worker.ts';

/** Bounds a hang; nothing here is measured by it. */
const waitMsMax = 60_000;
const logBytesMax = 4_096;
const blockBytes = 1_000;

describe('pod worker', () => {
  const folder = createTemporaryFolder('pod-worker');
  const pidFile = join(folder.path, 'grandchild.pid');
  const program = join(folder.path, 'program.mjs');

  before(() => {
    writeFileSync(
      program,
      `import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
if (process.argv[2] === 'parent') {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
}
if (process.argv[2] === 'talker') setInterval(() => process.stdout.write('x'.repeat(${blockBytes})), 1);
setInterval(() => {}, 1000);
`,
    );
  });
  after(() => folder[Symbol.dispose]());

  function start(argument: string, logger: Logger = silentLogger): PodWorker {
    const pod: Stored<Pod> = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: argument, namespace: 'default', uid: `uid-${argument}`, resourceVersion: '1' },
      spec: { containers: [{ name: 'main', image: 'program', args: [argument] }] },
    };
    const none = () => undefined;
    const worker = new PodWorker({
      pod,
      address: '127.0.0.1',
      root: folder.path,
      commandOf: (_image, args) => ({ file: process.execPath, args: [program, ...args] }),
      sources: { configMap: none, secret: none, claim: none },
      clock: systemClock,
      logger,
      logBytesMax,
      baseEnvironment: {},
      restartCount: 0,
      report: () => {},
    });
    worker.start();
    return worker;
  }

  it('what a process started ends with it', async () => {
    const worker = start('parent');
    await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    const grandchild = Number(readFileSync(pidFile, 'utf8'));
    assert.ok(isRunning(grandchild));
    await worker.stop(0);
    await until(() => !isRunning(grandchild));
  });

  it('the log of a talkative process stays bounded while it runs', async () => {
    const cuts: number[] = [];
    const twice = Promise.withResolvers<void>();
    const debug = (event: string, { bytes }: LogFields = {}) => {
      if (event === 'pod_log_cut' && cuts.push(Number(bytes)) === 2) twice.resolve();
    };
    const worker = start('talker', { ...silentLogger, debug });
    await twice.promise;
    await worker.stop(0);
    assert.ok(
      cuts.every((bytes) => bytes >= logBytesMax),
      `${cuts} bytes`,
    );
    // What was written from the first cut to the second; a log that is not cut would hold the first part as well.
    assert.ok(statSync(`${worker.logFile}.1`).size >= (cuts[1] ?? 0));
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!isTrue()) {
    if (performance.now() > deadline) assert.fail('it did not come about in time');
    await pause(10);
  }
}

/** A process that ended and waits to be collected runs no more. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false; // no such process
  }
}
