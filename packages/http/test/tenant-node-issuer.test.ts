import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tenantNodeIssuer, tenantOfIssuer } from '@hybridstore/contracts';
import { callerOf, JwksTokenVerifier, ServiceIdentity, signToken } from '@hybridstore/http';
import { deriveSigningKey } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, testSecret } from '@hybridstore/test-kit';

const acme = deriveSigningKey(tenantNodeIssuer('default/acme'), testSecret('acme'));
const globex = deriveSigningKey(tenantNodeIssuer('default/globex'), testSecret('globex'));

function createVerifier(folder: string, clock: FakeClock): JwksTokenVerifier {
  const path = join(folder, 'jwks.json');
  writeFileSync(path, JSON.stringify({ keys: [acme.publicJwk, globex.publicJwk] }));
  return new JwksTokenVerifier(path, clock);
}

test('the issuer of a tenant and the tenant of an issuer are inverses', () => {
  assert.equal(tenantNodeIssuer('default/acme'), 'tenant-node.default.acme');
  assert.equal(tenantOfIssuer('tenant-node.default.acme'), 'default/acme');
  assert.equal(tenantOfIssuer('tenant-node'), undefined);
  assert.equal(tenantOfIssuer('metadata-catalog'), undefined);
});

test("a node's token names its own tenant, whatever it was asked for", () => {
  using folder = createTemporaryFolder();
  const clock = new FakeClock();
  const token = new ServiceIdentity(acme, clock).token('default/globex');
  const caller = callerOf(createVerifier(folder.path, clock).verify(token), token);
  assert.equal(caller.service, 'tenant-node');
  assert.equal(caller.claims.tenant, 'default/acme');
});

test("a node's key cannot sign for another tenant", () => {
  using folder = createTemporaryFolder();
  const clock = new FakeClock();
  const content = { sub: `service:${acme.issuer}`, tenant: 'default/globex' };
  const token = signToken(acme, content, { nowMs: clock.now(), lifetimeSeconds: 60 });
  const claims = createVerifier(folder.path, clock).verify(token);
  assert.throws(() => callerOf(claims, token), { code: 'unauthenticated' });
});

test("a node's key cannot take another issuer's name", () => {
  using folder = createTemporaryFolder();
  const clock = new FakeClock();
  const forged = signToken(
    { ...acme, issuer: globex.issuer },
    { sub: `service:${globex.issuer}`, tenant: 'default/globex' },
    {
      nowMs: clock.now(),
      lifetimeSeconds: 60,
    },
  );
  assert.throws(() => createVerifier(folder.path, clock).verify(forged), { code: 'unauthenticated' });
});
