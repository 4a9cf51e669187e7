import assert from 'node:assert/strict';
import { sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { deriveSigningKey, issuerOf, publicKeyOf, requireStrongSecret } from '@hybridstore/runtime';
import fc from 'fast-check';

const secret = fc.string({ minLength: 32, maxLength: 80, unit: 'binary' });
const issuer = fc.stringMatching(/^[a-z]([a-z.-]{0,30}[a-z])?$/);
const signature = { dsaEncoding: 'ieee-p1363' } as const;

describe('a derived signing key', () => {
  it('is the same for the same issuer and secret, and valid: what it signs its public key verifies', () => {
    fc.assert(
      fc.property(issuer, secret, fc.uint8Array({ maxLength: 100 }), (name, text, message) => {
        const key = deriveSigningKey(name, text);
        assert.deepEqual(deriveSigningKey(name, text).publicJwk, key.publicJwk);
        const signed = sign('sha256', message, { key: key.privateKey, ...signature });
        assert.ok(verify('sha256', message, { key: publicKeyOf(key.publicJwk), ...signature }, signed));
        assert.equal(issuerOf(key.kid), name);
      }),
      { numRuns: 30 },
    );
  });

  it('is another one for another issuer or secret', () => {
    fc.assert(
      fc.property(issuer, issuer, secret, secret, (name, otherName, text, otherText) => {
        fc.pre(name !== otherName && text !== otherText);
        const points = [
          deriveSigningKey(name, text),
          deriveSigningKey(otherName, text),
          deriveSigningKey(name, otherText),
        ].map((key) => key.publicJwk.x);
        assert.equal(new Set(points).size, 3);
      }),
      { numRuns: 30 },
    );
  });

  it('stays as it is from version to version: tokens outlive an upgrade', () => {
    const { publicJwk } = deriveSigningKey('auth-gateway', '0123456789abcdefghijklmnopqrstuvwxyz');
    assert.deepEqual(publicJwk, {
      kty: 'EC',
      crv: 'P-256',
      x: 'TWXTxItMwlgrH4rHDfwD87v323QzWJrX2F6lbxzbF-k',
      y: 'd5-YKlRTdBnglDwTpsVeimBlDH3G0K2uHrIXW4bHjyQ',
      kid: 'auth-gateway.HmjWJ5GXoeXbkxrQ',
      alg: 'ES256',
      use: 'sig',
    });
  });

  it('shows no private part', () => {
    const { publicJwk } = deriveSigningKey('auth-gateway', '0123456789abcdefghijklmnopqrstuvwxyz');
    assert.deepEqual(Object.keys(publicJwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
});

describe('a secret', () => {
  const weak = [
    '',
    'short',
    'a'.repeat(100),
    'abcabcabcabcabcabcabcabcabcabcabcabcabcabc',
    'my-Secret-0123456789-abcdefghijklmnopqrstuvw',
    'change-me-0123456789-abcdefghijklmnopqrstuvw',
  ];
  for (const text of weak) {
    it(`like ${JSON.stringify(text.slice(0, 20))} is refused, named by its variable and not shown`, () => {
      assert.throws(
        () => requireStrongSecret('JWT_SECRET', text),
        (error: Error & { code?: string }) =>
          error.code === 'invalid_request' &&
          error.message.startsWith('JWT_SECRET: expected at least 32 random bytes') &&
          (text === '' || !error.message.includes(text)),
      );
    });
  }

  it('of 48 random bytes is taken as it is', () => {
    const text = Buffer.from(Array.from({ length: 48 }, (_, index) => (index * 37) % 256)).toString('base64');
    assert.equal(requireStrongSecret('JWT_SECRET', text), text);
  });
});
