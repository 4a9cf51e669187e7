import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  encodeHead,
  joinPayload,
  type MessageKind,
  MessageReader,
  messageKinds,
} from '../../src/child-process/message-codec.ts';

const bytesMax = 1_000;

function encode(message: { kind: MessageKind; header: unknown; payload: Uint8Array }): Buffer {
  const { kind, header, payload } = message;
  return Buffer.concat([encodeHead({ kind, header, payloadBytes: payload.length }, bytesMax), payload]);
}

function readAll(chunks: readonly Buffer[]) {
  const reader = new MessageReader(bytesMax);
  const messages = chunks.flatMap((chunk) => reader.push(chunk));
  return { messages, unfinishedBytes: reader.unfinishedBytes };
}

describe('messages between a parent and its child', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const message = fc.record({
      kind: fc.constantFrom(...messageKinds),
      header: fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(fc.integer(), fc.string({ maxLength: 20 }))),
      payload: fc.uint8Array({ maxLength: 200 }),
    });
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), cuts, (sent, lengths) => {
        const bytes = Buffer.concat(sent.map(encode));
        const { messages, unfinishedBytes } = readAll(cut(bytes, lengths));
        assert.deepEqual(
          messages.map(({ kind, header, payload }) => ({ kind, header, payload: [...joinPayload(payload)] })),
          sent.map(({ kind, header, payload }) => ({ kind, header: plain(header), payload: [...payload] })),
        );
        assert.equal(unfinishedBytes, 0);
      }),
    );
  });

  it('are laid out as described', () => {
    assert.equal(
      encode({ kind: 'data', header: { a: 1 }, payload: Buffer.from('xy') }).toString('latin1'),
      'HC\x01\x01\x07\0\0\0\x02\0\0\0{"a":1}xy',
    );
  });

  it('above the bound are not sent', () => {
    assert.throws(() => encodeHead({ kind: 'data', header: {}, payloadBytes: bytesMax }, bytesMax), {
      code: 'too_large',
      message: 'child process: a message of 1014 bytes, expected at most 1000',
    });
    assert.equal(encodeHead({ kind: 'data', header: {}, payloadBytes: bytesMax - 14 }, bytesMax).length, 14);
  });

  it('above the bound are not believed, before any of their bytes is waited for', () => {
    const head = encodeHead({ kind: 'data', header: {}, payloadBytes: 4_000_000_000 }, 5_000_000_000);
    assert.throws(() => readAll([head.subarray(0, 12)]), {
      code: 'corrupt',
      message: 'child process: a message of 4000000014 bytes, expected at most 1000',
    });
  });

  it('of another layout, of an unknown kind or without a readable header are refused', () => {
    const good = encode({ kind: 'data', header: {}, payload: Buffer.alloc(0) });
    const changed = (at: number, byte: number) => Buffer.from(good).fill(byte, at, at + 1);
    for (const bad of [changed(0, 0x58), changed(2, 2), changed(3, 9)])
      assert.throws(() => readAll([bad]), { code: 'corrupt', message: /expected a message, found the bytes/ });
    assert.throws(() => readAll([changed(12, 0x28)]), {
      code: 'corrupt',
      message: 'child process: the header of a data message is no JSON',
    });
  });

  it('that are cut off stay unfinished', () => {
    const bytes = encode({ kind: 'data', header: {}, payload: Buffer.alloc(100) });
    assert.deepEqual(readAll([bytes.subarray(0, 50)]), { messages: [], unfinishedBytes: 50 });
  });
});

/** As JSON gives it back: without `__proto__` and with keys as own properties. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}
