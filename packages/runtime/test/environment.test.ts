import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Environment } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const read = (value?: string) => new Environment({ X: value });
const bounds = { fallback: 5, min: 1, max: 10 };

describe('variables', () => {
  it('that are empty count as absent', () => {
    assert.equal(read('').text('X', 'fallback'), 'fallback');
    assert.equal(read('').optional('X'), undefined);
    assert.deepEqual(read('').list('X', ['a']), ['a']);
  });

  it('are read as what they are', () => {
    assert.equal(read('7').integer('X', bounds), 7);
    assert.equal(read().integer('X', bounds), 5);
    assert.equal(read('0.5').number('X', { min: 0, max: 1 }), 0.5);
    assert.equal(read('TRUE').boolean('X'), true);
    assert.equal(read('0').boolean('X'), false);
    assert.equal(read('b').choice('X', ['a', 'b']), 'b');
    assert.equal(read('http://x:1/').url('X'), 'http://x:1');
    assert.deepEqual(read(' a, ,b ').list('X'), ['a', 'b']);
  });

  const wrongs: readonly [string, (environment: Environment) => unknown, string | undefined][] = [
    ['a missing text', (environment) => environment.text('X'), undefined],
    ['a number that is none', (environment) => environment.number('X', bounds), 'seven'],
    ['a number with a unit', (environment) => environment.number('X', bounds), '7s'],
    ['a space', (environment) => environment.number('X', bounds), ' '],
    ['a number that is too large', (environment) => environment.integer('X', bounds), '11'],
    ['infinity', (environment) => environment.number('X', bounds), 'Infinity'],
    ['a broken integer', (environment) => environment.integer('X', bounds), '1.5'],
    ['a boolean that is none', (environment) => environment.boolean('X'), 'yes'],
    ['a choice that is none', (environment) => environment.choice('X', ['a']), 'b'],
    ['a URL that is none', (environment) => environment.url('X'), 'localhost'],
    ['a file that is away', (environment) => environment.file('X'), '/nowhere'],
  ];
  for (const [what, use, value] of wrongs) {
    it(`refuse ${what} by name`, () => {
      assert.throws(() => use(read(value)), { code: 'invalid_request', message: /^X: expected/ });
    });
  }

  it('name files, whose last line break is no content', () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'secret');
    writeFileSync(path, 'line\n\r\n');
    assert.equal(read(path).file('X'), 'line\n');
  });
});
