import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createServerCertificate } from '../src/http/certificate.ts';

describe('the certificate of the embedded API server', () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const made = createServerCertificate('127.0.0.9', nowMs);
  const certificate = new X509Certificate(made.certificate);

  it('is for this address and localhost, and for nothing else', () => {
    assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.9');
    assert.equal(certificate.checkIP('127.0.0.1'), undefined);
    assert.equal(certificate.checkHost('example.com'), undefined);
  });

  it('holds from a day before for ten years', () => {
    assert.equal(certificate.validFrom, 'Jan  1 03:04:05 2026 GMT');
    assert.equal(certificate.validTo, 'Dec 31 03:04:05 2035 GMT');
  });

  it('is its own authority, over a P-256 key that stands beside it', () => {
    assert.equal(certificate.ca, true);
    assert.equal(certificate.issuer, certificate.subject);
    assert.equal(certificate.verify(certificate.publicKey), true);
    assert.equal(certificate.publicKey.asymmetricKeyType, 'ec');
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(certificate.checkPrivateKey(createPrivateKey(made.key)), true);
  });

  it('has a serial number and a key of its own each time', () => {
    const other = createServerCertificate('127.0.0.9', nowMs);
    assert.notEqual(new X509Certificate(other.certificate).serialNumber, certificate.serialNumber);
    assert.notEqual(other.key, made.key);
  });

  for (const host of ['::1', 'localhost', '127.0.0.1,DNS:example.com', ''])
    it(`${JSON.stringify(host)} is no address that it is made for`, () =>
      assert.throws(() => createServerCertificate(host, nowMs), RangeError));
});
