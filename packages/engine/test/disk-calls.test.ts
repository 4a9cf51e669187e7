import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Disk, type DiskFile, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import type { Engine } from '../src/ports.ts';
import { openEngine } from './engine-fixture.ts';

/** Work, not time: what a write and a look at a table ask of the disk. More needs a reason. */
describe('the disk calls', () => {
  const calls = new Map<string, number>();
  let folder: ReturnType<typeof createTemporaryFolder>;
  let engine: Engine;

  before(async () => {
    folder = createTemporaryFolder('disk-calls');
    engine = await openEngine(folder.path, { disk: countCalls(systemDisk, calls) });
    await engine.putSource({ source_id: 'sales', columns: [{ name: 'id', type: 'bigint' }] });
    await engine.append({ sourceId: 'sales', records: [{ fields: { id: 0 } }] });
  });
  after(async () => {
    await engine.close();
    folder[Symbol.dispose]();
  });

  const count = async (work: () => Promise<unknown>) => {
    calls.clear();
    await work();
    return Object.fromEntries([...calls].sort());
  };
  const append = (id: number) => engine.append({ sourceId: 'sales', records: [{ fields: { id } }] });

  it('of a write are one write, one sync, and one look whether the table is still the source’s', async () => {
    assert.deepEqual(await count(() => append(1)), { 'file.datasync': 1, 'file.write': 1, stat: 1 });
  });

  it('of a hundred writes at once are those of one', async () => {
    const found = await count(() => Promise.all(Array.from({ length: 100 }, (_, index) => append(index))));
    assert.deepEqual([found['file.write'], found['file.datasync']], [1, 1]);
  });

  it('of a look at the newest version, when nothing was committed, are two looks and one for a next version', async () => {
    await engine.snapshot('sales');
    const found = await count(() => engine.snapshot('sales'));
    assert.deepEqual(found, { readFile: 1, stat: 2 });
  });
});

function countCalls(disk: Disk, calls: Map<string, number>): Disk {
  const counted = countEach(disk, '', calls);
  return { ...counted, open: async (path, mode) => countEach<DiskFile>(await disk.open(path, mode), 'file.', calls) };
}

/** `target` with all its members, which are functions in both interfaces, own and inherited. */
function countEach<T extends object>(target: T, prefix: string, calls: Map<string, number>): T {
  const members = [target, Object.getPrototypeOf(target) as object].flatMap((of) => Object.getOwnPropertyNames(of));
  const counted = members.flatMap((name) => {
    const member: unknown = Reflect.get(target, name);
    if (typeof member !== 'function' || name === 'constructor' || name in Object.prototype) return [];
    const count = (...given: unknown[]) => {
      calls.set(prefix + name, (calls.get(prefix + name) ?? 0) + 1);
      return Reflect.apply(member, target, given) as unknown;
    };
    return [[name, count]];
  });
  return Object.fromEntries(counted) as T;
}
