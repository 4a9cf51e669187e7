import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { PodUsages } from '../src/kubelet/pod-usage.ts';
import { type ProcessUsage, parseProcess, readGroupUsage } from '../src/kubelet/process-usage.ts';

const pod = { uid: 'u', container: 'main', pid: 7, startedAtMs: 10_000 };

describe('usage of pods', () => {
  it('the first window begins with the process, the next one with the last look', () => {
    let used: ProcessUsage = { cpuMs: 500, memoryBytes: 1_000 };
    const usages = new PodUsages((groups) => new Map([...groups].map((group) => [group, used])));
    const look = (nowMs: number) => usages.look([pod], nowMs)[0];
    const first = {
      uid: 'u',
      container: 'main',
      cpuNanocores: 250_000_000,
      memoryBytes: 1_000,
      atMs: 12_000,
      windowMs: 2_000,
    };
    assert.deepEqual(look(12_000), first);
    used = { cpuMs: 4_500, memoryBytes: 2_000 };
    assert.deepEqual(look(12_999), first, 'a window of less than a second is not opened');
    assert.deepEqual(look(14_000), { ...first, cpuNanocores: 2e9, memoryBytes: 2_000, atMs: 14_000 });
    used = { cpuMs: 0, memoryBytes: 0 };
    assert.equal(look(16_000)?.cpuNanocores, 0, 'a child that nobody waited for takes its time along');
  });

  it('a process that started anew begins a window of its own, and one that is gone has no usage', () => {
    const usages = new PodUsages(
      (groups) => new Map([...groups].map((group) => [group, { cpuMs: 100, memoryBytes: 1 }])),
    );
    usages.look([pod], 20_000);
    assert.equal(usages.look([{ ...pod, pid: 8, startedAtMs: 25_000 }], 27_000)[0]?.cpuNanocores, 50_000_000);
    assert.deepEqual(new PodUsages(() => new Map()).look([pod], 20_000), []);
  });

  it('a line of /proc is read by its last parenthesis: a command may hold anything', () => {
    const stat = '42 (a) b (c) S 1 41 41 0 -1 4194560 100 0 0 0 10 20 30 40 20 0 1 0 5 1000 50';
    assert.deepEqual(parseProcess(stat, 'Name:\tx\nVmRSS:\t    12 kB\n'), {
      group: 41,
      cpuMs: 1_000,
      memoryBytes: 12_288,
    });
  });

  it('a process group of this machine uses memory', async () => {
    if (!existsSync('/proc/self/stat')) {
      assert.throws(() => readGroupUsage(new Set([1])), /ENOENT/);
      return;
    }
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1e6)'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const pid = child.pid ?? 0;
      const usage = readGroupUsage(new Set([pid])).get(pid);
      assert.ok(usage !== undefined && usage.memoryBytes > 1_000_000, JSON.stringify(usage));
    } finally {
      child.kill('SIGKILL');
    }
  });
});
