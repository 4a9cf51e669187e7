import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notePassing } from '@hybridstore/runtime';

const mebibyte = 1024 * 1024;
const partBytes = 64 * 1024;
const keptMax = 16;

it('buffers that pass through do not gather, however many they are', () => {
  const before = process.memoryUsage().arrayBuffers;
  const kept: Buffer[] = [];
  let most = 0;
  for (let passed = 0; passed < 256 * mebibyte; passed += partBytes) {
    kept.push(Buffer.allocUnsafeSlow(partBytes));
    if (kept.length > keptMax) kept.shift();
    notePassing(partBytes);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  // Without it they come to more than 50 MiB before the heap gives a reason to look.
  assert.ok(most < 24 * mebibyte, `${Math.round(most / mebibyte)} MiB`);
});
