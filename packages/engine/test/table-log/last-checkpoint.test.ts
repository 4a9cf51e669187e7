import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLastCheckpoint, encodeLastCheckpoint, jsonChecksum } from '../../src/table-log/last-checkpoint.ts';

const hint = { version: 40, size: 22, sizeInBytes: 9_000, numOfAddFiles: 20, tags: { 'hybridstore.sha256': 'ab' } };

test('the checksum of the hint is the one of the Delta protocol, by its own example', () => {
  const sample = {
    k0: "'v 0'",
    checksum: 'adsaskfljadfkjadfkj',
    k1: { k2: 2, k3: ['v3', [1, 2], { k4: 'v4', k5: ['v5', 'v6', 'v7'] }] },
  };
  assert.equal(jsonChecksum(sample), '6a92d155a59bf2eecbd4b4ec7fd1f875');
});

test('a hint with a flipped bit is none, wherever the bit is, unless it still says the same', () => {
  const bytes = encodeLastCheckpoint(hint);
  assert.deepEqual(decodeLastCheckpoint(bytes), { ...hint, checksum: jsonChecksum(hint) });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const read = decodeLastCheckpoint(damaged);
    // Only the name of the checksum itself is not under the checksum.
    if (read) assert.deepEqual([read.version, read.size, read.sizeInBytes, read.tags], [40, 22, 9_000, hint.tags]);
  }
});

test('a hint of another writer, without a checksum, is taken', () => {
  assert.deepEqual(decodeLastCheckpoint(Buffer.from('{"version":3,"size":5}')), { version: 3, size: 5, tags: {} });
});
