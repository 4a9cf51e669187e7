import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Environment, readSettingsFile, sortSettings } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const folder = createTemporaryFolder('settings');
after(() => folder[Symbol.dispose]());
const path = join(folder.path, 'config.json');

function write(text: string): string {
  writeFileSync(path, text);
  return path;
}

const open = (settings: unknown, variables: Record<string, string> = {}) =>
  Environment.open('auth-gateway', { CONFIG_FILE: write(JSON.stringify(settings)), ...variables });

describe('the file that CONFIG_FILE names', () => {
  it('gives variables under their own names; a variable wins over it, and it over the default', () => {
    const settings = { JWT_EXPIRATION_HOURS: 48, BCRYPT_ROUNDS: '10', SELF_REGISTRATION: false };
    const environment = open(settings, { BCRYPT_ROUNDS: '11', SELF_REGISTRATION: '' });
    assert.equal(environment.number('JWT_EXPIRATION_HOURS', { fallback: 24, min: 1, max: 100 }), 48);
    assert.equal(environment.integer('BCRYPT_ROUNDS', { fallback: 12, min: 4, max: 16 }), 11);
    assert.equal(environment.boolean('SELF_REGISTRATION', true), false);
    assert.equal(environment.integer('KEEP_ALIVE_SECONDS', { fallback: 75, min: 1, max: 100 }), 75);
    assert.deepEqual(environment.overridden, ['BCRYPT_ROUNDS']);
  });

  it('may write a list as one, and keeps what other processes read apart', () => {
    const environment = open({ ALLOWED_ORIGINS: ['https://a.example', 'https://b.example'], FLUSH_ROWS: 5 });
    assert.deepEqual(environment.list('ALLOWED_ORIGINS'), ['https://a.example', 'https://b.example']);
    assert.deepEqual(environment.settingsFile?.others, ['FLUSH_ROWS']);
    assert.equal(environment.optional('FLUSH_ROWS'), undefined);
  });

  it('is named in the error about a value of it, and not in one about a variable', () => {
    const bounds = { fallback: 12, min: 4, max: 16 };
    const read = (environment: Environment) => environment.integer('BCRYPT_ROUNDS', bounds);
    assert.throws(() => open({ BCRYPT_ROUNDS: 99 }).read(read), {
      message: `${path}: BCRYPT_ROUNDS: expected a number from 4 to 16, found 99`,
    });
    assert.throws(() => open({ BCRYPT_ROUNDS: 10 }, { BCRYPT_ROUNDS: '99' }).read(read), {
      message: 'BCRYPT_ROUNDS: expected a number from 4 to 16, found 99',
    });
  });

  const wrongs: readonly [what: string, text: string, message: RegExp][] = [
    [
      'an unknown key, near to one',
      '{"JWT_EXPIRATON_HOURS":1}',
      /config\.json: JWT_EXPIRATON_HOURS: expected a setting, found an unknown key \(did you mean JWT_EXPIRATION_HOURS\?\)$/,
    ],
    ['an unknown key, near to none', '{"colour":1}', /config\.json: colour: expected a setting, found an unknown key$/],
    ['a key of every object', '{"__proto__":1}', /config\.json: __proto__: expected a setting/],
    ['an object', '{"BCRYPT_ROUNDS":{}}', /config\.json: BCRYPT_ROUNDS: expected a text, .*, found an object$/],
    ['null', '{"BCRYPT_ROUNDS":null}', /config\.json: BCRYPT_ROUNDS: expected .*, found null$/],
    [
      'an item with a comma',
      '{"ALLOWED_ORIGINS":["a,b"]}',
      /ALLOWED_ORIGINS: expected .* without commas, found a list$/,
    ],
    [
      'a secret',
      '{"JWT_SECRET":"x"}',
      /config\.json: expected JWT_SECRET to be a variable of the process, or in the file/,
    ],
    ['itself', '{"CONFIG_FILE":"x"}', /config\.json: expected CONFIG_FILE to be a variable/],
    ['a key twice', '{"HOST":"a","HOST":"b"}', /config\.json: HOST: expected each key once, found it twice$/],
    ['a list', '[]', /config\.json: expected a JSON object of settings, found a list$/],
    ['no JSON', 'BCRYPT_ROUNDS: 12', /CONFIG_FILE: .*config\.json: expected JSON, found none/],
    ['nothing', '', /CONFIG_FILE: .*config\.json: expected JSON, found none/],
    ['too much', ' '.repeat(1_048_577), /CONFIG_FILE: .*config\.json: expected at most 1048576 bytes, found 1048577/],
  ];
  for (const [what, text, message] of wrongs)
    it(`that holds ${what} is refused by name`, () => {
      assert.throws(() => Environment.open('auth-gateway', { CONFIG_FILE: write(text) }), {
        code: 'invalid_request',
        message,
      });
    });

  it('that is away is refused by name', () => {
    assert.throws(() => readSettingsFile('/nowhere/config.json'), {
      message: 'CONFIG_FILE: expected a readable file, found /nowhere/config.json',
    });
    assert.throws(() => readSettingsFile(folder.path), { message: /^CONFIG_FILE: expected a readable file/ });
  });

  it('has the sections of the query interpreter for it alone', () => {
    const settings = { sql_parser: { dialect: 'duckdb' }, SQL_DIALECT: 'mysql' };
    assert.deepEqual(sortSettings('query-interpreter', 'f', settings), {
      path: 'f',
      values: { SQL_DIALECT: 'mysql' },
      sections: { sql_parser: { dialect: 'duckdb' } },
      others: [],
    });
    assert.deepEqual(sortSettings('monitoring', 'f', settings).others, ['sql_parser', 'SQL_DIALECT']);
  });
});
