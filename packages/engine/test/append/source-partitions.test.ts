import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { partitionsWorrying } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { Engine } from '../../src/ports.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import { createSharedWriter, openEngine } from '../engine-fixture.ts';

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'place', type: 'string' },
];
const definition = { source_id: 'events', columns, partition_columns: ['place'] };

function rowOf(place: unknown, id = 0) {
  return { fields: { id, place } };
}

function write(engine: Engine, places: readonly unknown[], sourceId = 'events') {
  return engine.append({ sourceId, records: places.map((place) => rowOf(place)) });
}

function isFull(count: number, max: number) {
  return (error: unknown) =>
    isHybridStoreError(error, 'conflict') &&
    error.details['source_id'] === 'events' &&
    error.details['partitions'] === count &&
    error.details['partitions_max'] === max &&
    error.message.includes('events') &&
    error.message.includes(`${count} of at most ${max}`);
}

describe('the bound on partitions of a source', () => {
  let root: string;
  let segmentWriter: SegmentWriter;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'partitions-'));
    segmentWriter = createSharedWriter(join(root, 'spool'));
  });
  after(async () => {
    await segmentWriter.close();
    rmSync(root, { recursive: true });
  });

  async function open(partitionsMax: number, folder = mkdtempSync(join(root, 'node-'))) {
    const engine = await openEngine(folder, { segmentWriter, limits: { partitionsMax } });
    await engine.putSource(definition);
    return { engine, folder };
  }

  it('counts what is fresh and what is flushed, once each', async () => {
    const { engine } = await open(3);
    await write(engine, ['a', 'b', 'a']);
    await engine.flush('events');
    await write(engine, ['b', null]);
    await assert.rejects(write(engine, ['c']), isFull(3, 3));
    await engine.flush('events');
    await assert.rejects(write(engine, ['c']), isFull(3, 3));
    assert.equal((await engine.stats('events')).partitions, 3);
    await engine.close();
  });

  it('refuses a batch as a whole, and takes rows of values that are there', async () => {
    const { engine } = await open(2);
    await write(engine, ['a', 'b']);
    await assert.rejects(write(engine, ['a', 'c', 'd']), isFull(2, 2));
    assert.deepEqual((await write(engine, ['b', 'a'])).accepted, 2);
    await engine.flush('events');
    assert.equal((await engine.stats('events')).rows, 4);
    assert.deepEqual((await write(engine, ['a'])).accepted, 1);
    await engine.close();
  });

  it('knows null from the text null, and values of several columns from each other', async () => {
    const { engine } = await open(4);
    await engine.putSource({
      ...definition,
      source_id: 'pairs',
      partition_columns: ['place', 'other'],
      columns: [...columns, { name: 'other', type: 'string' }],
    });
    const pair = (place: unknown, other: unknown) => ({ fields: { id: 1, place, other } });
    await engine.append({
      sourceId: 'pairs',
      records: [pair('ab', 'c'), pair('a', 'bc'), pair(null, 'null'), pair('null', null)],
    });
    await assert.rejects(engine.append({ sourceId: 'pairs', records: [pair(null, null)] }), /pairs.*4 of at most 4/);
    await engine.append({ sourceId: 'pairs', records: [pair('a', 'bc')] });
    await engine.close();
  });

  for (const [type, values, another] of [
    ['date', ['2024-01-01', '1969-12-31', null], '2024-01-02'],
    ['timestamp', ['2024-01-01T00:00:00Z', '2024-01-01T02:00:00.000001+02:00', null], '2024-01-01T00:00:00.5Z'],
    ['decimal(10,2)', ['1.5', '-0.25', null], '1.51'],
    ['boolean', [true, false], null],
    ['integer', [0, -1, 2147483647], 5],
    ['bigint', ['9007199254740993', '-9223372036854775808', 1], 2],
  ] as const)
    it(`knows flushed values of ${type} again`, async () => {
      const { engine } = await open(values.length);
      await engine.putSource({
        source_id: 'typed',
        columns: [
          { name: 'id', type: 'bigint' },
          { name: 'place', type },
        ],
        partition_columns: ['place'],
      });
      await write(engine, values, 'typed');
      await engine.flush('typed');
      assert.equal((await write(engine, values, 'typed')).accepted, values.length);
      await assert.rejects(write(engine, [another], 'typed'), /1 new partition value/);
      await engine.close();
    });

  it('holds for writers at once: not one value more gets in', async () => {
    const { engine } = await open(50);
    const tries = Array.from({ length: 64 }, (_, writer) => write(engine, [`w${writer}`, `w${writer + 1}`]));
    const outcomes = await Promise.allSettled(tries);
    const refused = outcomes.filter((one) => one.status === 'rejected');
    assert.ok(refused.length > 0);
    for (const { reason } of refused) assert.ok(isHybridStoreError(reason, 'conflict'), String(reason));
    await engine.flush('events');
    assert.equal((await engine.stats('events')).partitions, 50);
    await engine.close();
  });

  it('knows after a restart what the log holds', async () => {
    const { engine, folder } = await open(2);
    await write(engine, ['a']);
    await engine.flush('events');
    await write(engine, ['b']);
    await engine.close();
    const again = await open(2, folder);
    await assert.rejects(write(again.engine, ['c']), isFull(2, 2));
    await write(again.engine, ['a', 'b']);
    await again.engine.close();
  });

  it('below those that a source has already only closes it to new ones', async () => {
    const { engine, folder } = await open(4);
    await write(engine, ['a', 'b', 'c']);
    await engine.flush('events');
    await engine.close();
    const again = await open(1, folder);
    await assert.rejects(write(again.engine, ['d']), isFull(3, 1));
    assert.equal((await write(again.engine, ['a', 'c'])).accepted, 2);
    await again.engine.close();
  });

  it('gives the room of a refused batch back', async () => {
    const { engine } = await open(2);
    await assert.rejects(write(engine, ['a', 'b', 'c']), isFull(0, 2));
    await write(engine, ['d', 'e']);
    await engine.close();
  });

  it('lets a source without partitions be', async () => {
    const { engine } = await open(1);
    await engine.putSource({ source_id: 'plain', columns });
    assert.deepEqual((await write(engine, ['a', 'b', 'c'], 'plain')).warnings, []);
    await engine.close();
  });

  it('is warned of from a thousand on, in the answer of every write', async () => {
    const { engine } = await open(2_000);
    const places = Array.from({ length: partitionsWorrying }, (_, index) => `p${index}`);
    assert.deepEqual((await write(engine, places.slice(1))).warnings, []);
    const { warnings } = await write(engine, places.slice(0, 1));
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['too_many_partitions'],
    );
    assert.match(warnings[0]?.message ?? '', /source events has 1000 partition values, of at most 2000/);
    assert.equal((await write(engine, ['p5'])).warnings.length, 1);
    await engine.close();
  });
});
