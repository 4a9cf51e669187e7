import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openSealed, sealJson } from '../src/sealed-json.ts';

const value = { table_id: '6a1f', location: 'tables/flights/6a1f', epoch: 7, note: 'ü "x"' };

describe('a sealed object', () => {
  const text = sealJson(value, 'tables/flights/table.json');

  it('opens to what was sealed, with or without a line end', () => {
    for (const bytes of [text, `${text}\n`])
      assert.deepEqual(openSealed(Buffer.from(bytes), 'tables/flights/table.json'), value);
  });

  it('is refused in the place of another', () => {
    assert.throws(() => openSealed(Buffer.from(text), 'tables/movies/table.json'), {
      code: 'corrupt',
      details: { path: 'tables/movies/table.json' },
    });
  });

  it('is never taken for another value, whichever bit is flipped or wherever it is cut', () => {
    const bytes = Buffer.from(text);
    let refused = 0;
    const look = (damaged: Buffer) => {
      let opened: unknown;
      try {
        opened = openSealed(damaged, 'tables/flights/table.json');
      } catch {
        refused += 1;
        return;
      }
      // A flip in the name of the seal leaves an object of before, with a field that nobody asks for.
      if (opened !== undefined) assert.deepEqual({ ...(opened as object), ...value }, opened);
    };
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      look(damaged);
    }
    for (let length = 0; length < bytes.length; length += 1) look(bytes.subarray(0, length));
    assert.ok(refused > bytes.length);
  });

  it('of before the seal is read as it is', () => {
    assert.deepEqual(openSealed(Buffer.from(JSON.stringify(value)), 'any'), value);
    assert.equal(openSealed(Buffer.from('{"table_id":'), 'any'), undefined);
  });
});
