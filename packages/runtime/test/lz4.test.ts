import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeLz4Block, decodeLz4Frame } from '../src/lz4.ts';

/** Literals `ab`, a match of 8 bytes two back (which overlaps itself), literals `!`. */
const block = [0x24, 0x61, 0x62, 0x02, 0x00, 0x10, 0x21];
const header = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0x00];
const frameOf = (...bytes: number[]) => Uint8Array.from([...header, ...bytes]);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('LZ4', () => {
  it('unpacks literals and matches that overlap what they write', () => {
    assert.equal(text(decodeLz4Block(Uint8Array.from(block), 11)), 'ababababab!');
  });

  it('unpacks packed and stored blocks, whose matches may reach into the block before', () => {
    const stored = [0x02, 0, 0, 0x80, 0x78, 0x79];
    const reaching = [0x04, 0, 0, 0, 0x00, 0x02, 0x00, 0x00];
    const frame = frameOf(block.length, 0, 0, 0, ...block, ...stored, ...reaching, 0, 0, 0, 0);
    assert.equal(text(decodeLz4Frame(frame)), 'ababababab!xyxyxy');
  });

  it('refuses what is no frame, is cut off, or points before its start', () => {
    assert.throws(() => decodeLz4Frame(Uint8Array.from([1, 2, 3])), /not an LZ4 frame/);
    assert.throws(() => decodeLz4Frame(frameOf(9, 0, 0, 0, 1)), /cut off/);
    assert.throws(() => decodeLz4Frame(frameOf(1, 0)), RangeError);
    assert.throws(() => decodeLz4Block(Uint8Array.from([0x50, 1]), 9), /literals are cut off/);
    assert.throws(() => decodeLz4Block(Uint8Array.from([0x00, 9, 0, 0]), 9), /points before the content/);
    assert.throws(() => decodeLz4Block(Uint8Array.from([0xf0]), 9), /length is cut off/);
  });
});
