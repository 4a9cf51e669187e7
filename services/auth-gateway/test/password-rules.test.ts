import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { dictionary } from '@zxcvbn-ts/language-common';
import { normalizePassword, requirePassword } from '../src/domain/password-rules.ts';
import { loadCommonPasswords } from '../src/passwords/common-passwords.ts';

const isCommon = loadCommonPasswords();

/** Why a password is refused; undefined where it is taken. */
function reason(password: string, username = 'ada.lovelace@example.com'): unknown {
  try {
    requirePassword('password', password, username, isCommon);
    return undefined;
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    assert.match(error.message, /^password: expected /);
    assert.ok(password === '' || !error.message.includes(password));
    assert.ok(password === '' || !JSON.stringify(error.details).includes(password));
    return error.details['reason'];
  }
}

describe('the rules of passwords', () => {
  const cases: readonly [unknown, readonly string[]][] = [
    [
      undefined,
      [
        'secure_password',
        'correct horse',
        'a long enough password',
        'xkcd-936-battery',
        'Zürich im Mai',
        '世界上最安全的密码',
      ],
    ],
    ['too_short', ['', 'aB3$xyz', 'e\u0301'.repeat(7)]],
    ['malformed', ['well \ud800 formed']],
    [
      'common',
      [
        'password1',
        'PASSWORD123',
        'P@ssw0rd',
        'Passw0rd!',
        '!!qwertyuiop',
        '1q2w3e4r',
        'football2024',
        'iloveyou',
        'HybridStore1',
        'hybridst0re',
      ],
    ],
    ['like_username', ['Ada.Lovelace', 'ada.lovelace1!', 'ecalevol.ada', 'ada.lovelace@example.com', '12ada.lovelace']],
    [
      'repeated',
      ['aaaaaaaa', 'abababab', 'xyzxyzxyz', '世世世世世世世世', 'ab12ab12ab', 'passwordpassword', 'Passw0rd!Passw0rd!'],
    ],
    ['row', ['abcdefgh', '87654321', '3456789:;', 'ijklmnopqrstu']],
  ];
  for (const [expected, passwords] of cases) {
    it(expected === undefined ? 'take what is hard to guess' : `refuse what is ${String(expected)}`, () => {
      for (const password of passwords) assert.equal(reason(password), expected, password);
    });
  }

  it('know at least 10,000 passwords of eight or more characters', () => {
    const tried = ['12345678', 'sunshine', 'princess', 'baseball', 'superman', 'trustno1', 'starwars', 'whatever'];
    for (const password of tried) assert.equal(isCommon(password), true, password);
    assert.equal(isCommon('secure_password'), false);
    const listed = dictionary['passwords-common'].filter((password) => password.length >= 8);
    assert.ok(listed.length >= 10_000 && listed.every((password) => password === password.toLowerCase()));
  });

  it('take a short name for no reason', () => {
    assert.equal(reason('a very long one', 'a'), undefined);
    assert.equal(reason('bob and alice', 'bob'), undefined);
  });

  it('compose letters, and leave what only looks alike', () => {
    assert.equal(normalizePassword('u\u0308'), 'ü');
    assert.equal(normalizePassword('ﬁ ② Ａ'), 'ﬁ ② Ａ');
  });
});
