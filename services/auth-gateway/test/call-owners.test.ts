import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createServer, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, retryLater, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { parseTrustedProxies, rememberAddresses } from '../src/domain/client-address.ts';
import type { CallOwners, Gateway } from '../src/ports.ts';
import { addForwarding } from '../src/routes/forward.ts';

it('a call counts for the address from which it comes, and behind a trusted proxy for the one that this names', async () => {
  using folder = createTemporaryFolder();
  const clock = new FakeClock();
  const server = createServer({
    service: 'auth-gateway',
    version: '1',
    logger: silentLogger,
    metrics: createMetrics('auth-gateway'),
    clock,
    verifier: new JwksTokenVerifier(new TestIssuer(folder.path, clock).jwksFile, clock),
    notReadyReasons: () => [],
  });
  const seen: CallOwners[] = [];
  const gateway: Pick<Gateway, 'forwarder' | 'addresses' | 'addressOf'> = {
    forwarder: {
      forward: async ({ owners }) => {
        seen.push(owners);
        throw retryLater('unavailable', 'seen', 1_000);
      },
    },
    addresses: { services: { monitoring: 'http://127.0.0.1:1' }, tenantUrlTemplate: 'http://127.0.0.1:1' },
    addressOf: rememberAddresses(parseTrustedProxies('TRUSTED_PROXIES', ['10.0.0.0/8'])),
  };
  // A public call without a token asks for nothing else of the gateway.
  addForwarding(server, gateway as Gateway);
  const headers = { 'x-forwarded-for': '198.51.100.1' };
  for (const remoteAddress of ['203.0.113.9', '10.0.0.1', '2001:db8::1'])
    await server.app.inject({ url: '/health/all', remoteAddress, headers });
  assert.deepEqual(
    seen.map(({ user, tenant, address }) => [user, tenant, address]),
    [
      [undefined, undefined, '203.0.113.9'],
      [undefined, undefined, '198.51.100.1'],
      [undefined, undefined, '2001:db8:0:0::/64'],
    ],
  );
  await server.app.close();
});
