import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Environment } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const read = (value?: string) => new Environment({ LOG_LEVEL: value });
const bounds = { fallback: 5, min: 1, max: 10 };

describe('variables', () => {
  it('that are empty count as absent', () => {
    assert.equal(read('').text('LOG_LEVEL', 'fallback'), 'fallback');
    assert.equal(read('').optional('LOG_LEVEL'), undefined);
    assert.deepEqual(read('').list('LOG_LEVEL', ['a']), ['a']);
  });

  it('are read as what they are', () => {
    assert.equal(read('7').integer('LOG_LEVEL', bounds), 7);
    assert.equal(read().integer('LOG_LEVEL', bounds), 5);
    assert.equal(read('0.5').number('LOG_LEVEL', { min: 0, max: 1 }), 0.5);
    assert.equal(read('TRUE').boolean('LOG_LEVEL'), true);
    assert.equal(read('0').boolean('LOG_LEVEL'), false);
    assert.equal(read('b').choice('LOG_LEVEL', ['a', 'b']), 'b');
    assert.equal(read('http://x:1/').url('LOG_LEVEL'), 'http://x:1');
    assert.deepEqual(read(' a, ,b ').list('LOG_LEVEL'), ['a', 'b']);
  });

  const wrongs: readonly [string, (environment: Environment) => unknown, string | undefined][] = [
    ['a missing text', (environment) => environment.text('LOG_LEVEL'), undefined],
    ['a number that is none', (environment) => environment.number('LOG_LEVEL', bounds), 'seven'],
    ['a number with a unit', (environment) => environment.number('LOG_LEVEL', bounds), '7s'],
    ['a space', (environment) => environment.number('LOG_LEVEL', bounds), ' '],
    ['a number that is too large', (environment) => environment.integer('LOG_LEVEL', bounds), '11'],
    ['infinity', (environment) => environment.number('LOG_LEVEL', bounds), 'Infinity'],
    ['a broken integer', (environment) => environment.integer('LOG_LEVEL', bounds), '1.5'],
    ['a boolean that is none', (environment) => environment.boolean('LOG_LEVEL'), 'yes'],
    ['a choice that is none', (environment) => environment.choice('LOG_LEVEL', ['a']), 'b'],
    ['a URL that is none', (environment) => environment.url('LOG_LEVEL'), 'localhost'],
    ['a file that is away', (environment) => environment.file('LOG_LEVEL'), '/nowhere'],
  ];
  for (const [what, use, value] of wrongs) {
    it(`refuse ${what} by name`, () => {
      assert.throws(() => use(read(value)), { code: 'invalid_request', message: /^LOG_LEVEL: expected/ });
    });
  }

  it('name files, whose last line break is no content', () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'secret');
    writeFileSync(path, 'line\n\r\n');
    assert.equal(read(path).file('LOG_LEVEL'), 'line\n');
  });
});
