import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasRoom, isHalfFull } from '../../src/append/unflushed-room.ts';

const max = 256;

function use(held: readonly number[], index: number) {
  return {
    heldBytes: held[index]!,
    sources: held.length,
    othersBytes: () => held.filter((_, other) => other !== index),
  };
}

/** Writes of one byte until the first that is refused. */
function fill(held: number[], index: number): number {
  while (hasRoom(max, use(held, index), 1)) held[index]! += 1;
  return held[index]!;
}

test('a source alone has three quarters of the bound, and is half full well before it is refused', () => {
  const held = [0];
  assert.equal(fill(held, 0), 192);
  assert.deepEqual([isHalfFull(max, use([95], 0)), isHalfFull(max, use([96], 0))], [false, true]);
});

test('each source that is stuck takes half of what is left, and the next one has its own part and a share', () => {
  const held = [0, 0, 0, 0];
  assert.deepEqual(
    held.map((_, index) => fill(held, index)),
    [96, 64, 48, 40],
  );
});

test('whatever the others hold, a source may have its own part, and all together stay below the bound', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.tuple(fc.nat(11), fc.integer({ min: 1, max: 40 })), { maxLength: 300 }),
      (sources, writes) => {
        const held = Array.from({ length: sources }, () => 0);
        let largest = 0;
        for (const [source, bytes] of writes) {
          const index = source % sources;
          if (hasRoom(max, use(held, index), bytes)) held[index]! += bytes;
          largest = Math.max(largest, bytes);
        }
        assert.ok(held.reduce((sum, bytes) => sum + bytes, 0) <= max + largest);
        for (let index = 0; index < sources; index += 1)
          assert.ok(held[index]! > 0 || hasRoom(max, use(held, index), Math.floor(max / 2 / sources)));
      },
    ),
  );
});

test('a frame larger than its part gets in alone, unless the node is at its bound', () => {
  assert.equal(hasRoom(max, use([0, 100], 0), 500), true);
  assert.equal(hasRoom(max, use([1, 100], 0), 500), false);
  assert.equal(hasRoom(max, use([0, 256], 0), 500), false);
});
