import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCpuSeconds, readMemoryBytes } from '../../src/metrics/process-usage.ts';

/** A line of /proc/<pid>/stat: fields 14 to 17 are user, system, children's user and system ticks. */
function stat(pid: number, name: string, ticks: readonly [number, number, number, number]): string {
  return `${pid} (${name}) S 1 1 1 0 -1 4194560 0 0 0 0 ${ticks.join(' ')} 20 0 1 0 100 0 0\n`;
}

describe('the CPU figure of a node', () => {
  const files: Readonly<Record<string, string>> = {
    '/proc/self/stat': stat(7, 'node', [100, 50, 20, 5]),
    '/proc/self/task/7/children': '8 9 ',
    '/proc/8/stat': stat(8, 'a) strange (name', [200, 0, 999, 999]),
    '/proc/7/statm': '1000 10 0 0 0 0 0',
    '/proc/8/statm': '1000 20 0 0 0 0 0',
  };

  it('adds up the process, its children and those that are gone', () => {
    assert.equal(
      readCpuSeconds(false, (path) => files[path]),
      (100 + 50 + 20 + 5 + 200) / 100,
    );
  });

  it("is the container's own in a pod, of either kind of cgroup", () => {
    const v2 = { '/sys/fs/cgroup/cpu.stat': 'usage_usec 2500000\nuser_usec 1\n' };
    const v1 = { '/sys/fs/cgroup/cpuacct/cpuacct.usage': '3500000000\n' };
    const reader = (more: Readonly<Record<string, string>>) => (path: string) => ({ ...files, ...more })[path];
    assert.equal(readCpuSeconds(true, reader(v2)), 2.5);
    assert.equal(readCpuSeconds(true, reader(v1)), 3.5);
    assert.equal(readCpuSeconds(true, reader({})), 3.75);
  });

  it('never goes back on this machine', () => {
    const before = readCpuSeconds(false);
    assert.ok(before > 0);
    assert.ok(readCpuSeconds(false) >= before);
  });

  it('comes with the memory of the same processes', () => {
    assert.equal(
      readMemoryBytes(false, (path) => files[path]),
      30 * 4096,
    );
    assert.equal(
      readMemoryBytes(true, (path) => (path === '/sys/fs/cgroup/memory.current' ? '12345\n' : files[path])),
      12_345,
    );
  });
});
