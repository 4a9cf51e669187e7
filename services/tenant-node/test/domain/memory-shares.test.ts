import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shareMemory } from '../../src/domain/memory-shares.ts';

const mebibyte = 1024 ** 2;
const asked = { executorBytes: 8_192 * mebibyte, writerBytes: 512 * mebibyte };
const inMebibytes = (pod: number, of = asked) => {
  const { executorBytes, writerBytes } = shareMemory(of, pod * mebibyte);
  return [executorBytes / mebibyte, writerBytes / mebibyte];
};

describe('the memory of a pod', () => {
  it('is all that is asked for where it has no bound', () => {
    assert.deepEqual(shareMemory(asked, undefined), asked);
  });

  it('is shared out so that heap, processes and engines fit into it', () => {
    for (let pod = 768; pod <= 64 * 1024; pod += 17) {
      const [executor = 0, writer = 0] = inMebibytes(pod);
      assert.ok(pod / 4 + 384 + executor + 2 * writer <= pod, `${pod} MiB: ${executor} and ${writer}`);
    }
    assert.deepEqual(inMebibytes(2_048), [768, 192]);
    assert.deepEqual(inMebibytes(1_024), [256, 64]);
    assert.deepEqual(inMebibytes(64 * 1024), [8_192, 512]);
  });

  it('gives what one engine does not ask for to nobody but the executor', () => {
    assert.deepEqual(inMebibytes(2_048, { executorBytes: 100 * mebibyte, writerBytes: 64 * mebibyte }), [100, 64]);
    assert.deepEqual(inMebibytes(2_048, { ...asked, writerBytes: 64 * mebibyte }), [1_024, 64]);
  });

  it('is the least that the engines need where there is less', () => {
    for (const pod of [128, 256, 512]) assert.deepEqual(inMebibytes(pod), [64, 64]);
  });
});
