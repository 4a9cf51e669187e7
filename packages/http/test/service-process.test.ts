import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createServiceProcess, jwtSecret, serviceSecret } from '@hybridstore/http';
import { deriveSigningKey, Environment } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';

const read = (variables: Record<string, string>) => new Environment(variables);
const strong = testSecret('auth-gateway');

function files(folder: string): { readonly strong: string; readonly weak: string } {
  const paths = { strong: join(folder, 'strong'), weak: join(folder, 'weak') };
  writeFileSync(paths.strong, `${strong}\n`);
  writeFileSync(paths.weak, 'weak');
  return paths;
}

describe("a process's own secret", () => {
  it('comes from the file of SERVICE_SECRET_FILE, and for the gateway from JWT_SECRET or its file', () => {
    using folder = createTemporaryFolder();
    const paths = files(folder.path);
    assert.equal(serviceSecret(read({ SERVICE_SECRET_FILE: paths.strong })), strong);
    assert.equal(jwtSecret(read({ JWT_SECRET: strong })), strong);
    assert.equal(jwtSecret(read({ JWT_SECRET_FILE: paths.strong, JWT_SECRET: 'ignored' })), strong);
  });

  it('has no default and may not be weak; the variable is named', () => {
    using folder = createTemporaryFolder();
    const paths = files(folder.path);
    assert.throws(() => serviceSecret(read({})), { message: /^SERVICE_SECRET_FILE: / });
    assert.throws(() => serviceSecret(read({ SERVICE_SECRET_FILE: paths.weak })), {
      message: /^SERVICE_SECRET_FILE: /,
    });
    assert.throws(() => jwtSecret(read({})), { message: /^JWT_SECRET: / });
    assert.throws(() => jwtSecret(read({ JWT_SECRET: 'weak' })), { message: /^JWT_SECRET: / });
    assert.throws(() => jwtSecret(read({ JWT_SECRET_FILE: paths.weak })), { message: /^JWT_SECRET_FILE: / });
  });

  it('makes the key of the issuer that SERVICE_ISSUER names', async () => {
    using folder = createTemporaryFolder();
    const variables = {
      SERVICE_SECRET_FILE: files(folder.path).strong,
      JWKS_FILE: new TestIssuer(folder.path, new FakeClock()).jwksFile,
      SERVICE_ISSUER: 'tenant-node.default.acme',
    };
    const process = createServiceProcess('tenant-node', variables);
    assert.equal(process.signingKey.kid, deriveSigningKey('tenant-node.default.acme', strong).kid);
    await process.client.close();
  });

  it('asks the gateway for revoked tokens where AUTH_GATEWAY_URL names one, which the gateway itself does not', async () => {
    using folder = createTemporaryFolder();
    const variables = {
      SERVICE_SECRET_FILE: files(folder.path).strong,
      JWKS_FILE: new TestIssuer(folder.path, new FakeClock()).jwksFile,
    };
    const open = async (service: 'monitoring' | 'auth-gateway', gatewayUrl: string) => {
      const process = createServiceProcess(service, { ...variables, AUTH_GATEWAY_URL: gatewayUrl });
      await process.client.close();
      return process.revocations !== undefined;
    };
    assert.deepEqual([await open('monitoring', 'http://gateway:8080'), await open('monitoring', '')], [true, false]);
    assert.equal(await open('auth-gateway', 'http://gateway:8080'), false);
    await assert.rejects(open('monitoring', 'gateway:8080'), { message: /^AUTH_GATEWAY_URL: expected a http URL/ });
  });

  it('is asked for before anything else is opened, as is every other variable', () => {
    assert.throws(() => createServiceProcess('monitoring', { LOG_LEVEL: 'loud' }), { message: /^LOG_LEVEL: / });
    assert.throws(() => createServiceProcess('monitoring', {}), { message: /^SERVICE_SECRET_FILE: / });
  });
});
