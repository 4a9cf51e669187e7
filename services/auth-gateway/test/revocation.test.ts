import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { revocationsMax } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier, RevocationWatch } from '@hybridstore/http';
import { createMetrics, type Registry, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { GatewayHarness } from './gateway-harness.ts';

const tenant = 'default/acme';

/** A service that checks tokens by itself, as a tenant node does, beside a gateway on loopback, both under one fake clock. */
class Beside {
  readonly gateway = new GatewayHarness();
  readonly client = new HttpClient();
  readonly metrics: Registry = createMetrics('tenant-node');
  watch!: RevocationWatch;
  verifier!: JwksTokenVerifier;

  static async open(): Promise<Beside> {
    const beside = new Beside();
    const { clock, issuer, fastify } = beside.gateway;
    const gatewayUrl = await fastify.listen({ host: '127.0.0.1', port: 0 });
    const { client, metrics } = beside;
    const identity = issuer.identity('tenant-node', tenant);
    beside.watch = new RevocationWatch({ client, identity, clock, logger: silentLogger, metrics, gatewayUrl });
    beside.verifier = new JwksTokenVerifier(issuer.jwksFile, clock, beside.watch);
    beside.watch.start();
    await beside.poll();
    return beside;
  }

  takes(token: string): boolean {
    try {
      this.verifier.verify(token);
      return true;
    } catch {
      return false;
    }
  }

  async ageSeconds(): Promise<number> {
    const text = await this.metrics.metrics();
    return Number(/^hybridstore_revocations_age_seconds\S* (\S+)$/m.exec(text)?.[1]);
  }

  /** Lets the poll that is under way end: the next one is scheduled then. */
  async poll(): Promise<void> {
    for (let turn = 0; this.gateway.clock.pending === 0; turn += 1) {
      if (turn > 20_000) throw new Error('the poll does not end');
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Lets fake time pass in steps, each poll with its answer. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await this.gateway.clock.advance(1_000);
      await this.poll();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch.stop();
    await this.client.close();
    await this.gateway[Symbol.asyncDispose]();
  }
}

describe('within five seconds, services that check tokens by themselves refuse', () => {
  it('what a revoked user carries, and nobody else', async () => {
    await using beside = await Beside.open();
    const { gateway } = beside;
    const ada = await gateway.member('ada', tenant, 'writer');
    const bob = await gateway.member('bob', tenant, 'writer');
    const administrator = await gateway.administrator();
    await beside.pass(5);
    assert.deepEqual([beside.takes(ada.token), beside.takes(bob.token)], [true, true]);
    await gateway.call('DELETE', `/auth/permissions/${ada.userId}`, { token: administrator });
    await beside.pass(5);
    assert.deepEqual([beside.takes(ada.token), beside.takes(bob.token)], [false, true]);
    assert.throws(() => beside.verifier.verify(ada.token), {
      code: 'unauthenticated',
      message: 'the token was revoked',
    });
    const again = (await gateway.login('ada')).access_token;
    assert.equal(beside.takes(again), true);
  });

  it('every token of who logs out, while grants and keys stay', async () => {
    await using beside = await Beside.open();
    const { gateway } = beside;
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    const other = (await gateway.login('ada')).access_token;
    const key = await gateway.createKey(token);
    const answer = await gateway.call('POST', '/auth/logout', { token });
    assert.deepEqual([answer.status, answer.body], [200, { user_id: userId, logged_out: true }]);
    assert.equal((await gateway.call('GET', '/auth/keys', { token })).status, 401);
    await beside.pass(5);
    assert.deepEqual([beside.takes(token), beside.takes(other)], [false, false]);
    const validated = await gateway.call('POST', '/auth/validate', { body: { token: key } });
    assert.equal(validated.body['valid'], true);
    assert.equal(beside.takes((await gateway.login('ada')).access_token), true);
    const refused = await gateway.call('POST', '/auth/logout', { token: key });
    assert.deepEqual([refused.status, refused.body.error?.code], [403, 'forbidden']);
  });

  it('what a deleted key was exchanged for', async () => {
    await using beside = await Beside.open();
    const { gateway } = beside;
    const { token } = await gateway.member('ada', tenant, 'writer');
    const key = await gateway.createKey(token);
    const keyId = key.split('_')[1] ?? '';
    const exchanged = gateway.issuer.sign('auth-gateway', { sub: `key:${keyId}`, tenant });
    assert.equal(beside.takes(exchanged), true);
    assert.equal((await gateway.call('DELETE', `/auth/keys/${keyId}`, { token })).status, 200);
    await beside.pass(5);
    assert.deepEqual([beside.takes(exchanged), beside.takes(token)], [false, true]);
  });

  it('still what they knew of when the gateway went away, and say how old that is', async () => {
    await using beside = await Beside.open();
    const { gateway } = beside;
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    const bob = await gateway.member('bob', tenant, 'writer');
    await gateway.store.revokeAll(userId);
    await beside.pass(5);
    assert.ok((await beside.ageSeconds()) < 5);
    gateway.fastify.server.closeAllConnections();
    await gateway.fastify.close();
    await beside.pass(60);
    assert.deepEqual([beside.takes(token), beside.takes(bob.token)], [false, true]);
    assert.ok((await beside.ageSeconds()) >= 60);
  });
});

class ClockSetBack extends FakeClock {
  setBackMs = 0;
  override now(): number {
    return super.now() - this.setBackMs;
  }
}

it('a gateway whose clock is set back asks its store anew, whatever it held for fresh', async () => {
  const clock = new ClockSetBack();
  await using gateway = new GatewayHarness({ clock });
  const { userId, token } = await gateway.member('ada', tenant, 'writer');
  const key = await gateway.createKey(token);
  const isValid = async () => (await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'];
  assert.equal(await isValid(), true);
  clock.setBackMs = 3_600_000;
  assert.equal(await isValid(), true);
  await gateway.store.revokeAll(userId);
  clock.setBackMs = 7_200_000;
  assert.equal(await isValid(), false);
});

describe('the list of revocations', () => {
  it('is for services, and is sent again only when it has changed', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', tenant, 'admin');
    const ask = (etag?: string) =>
      gateway.fastify.inject({
        url: '/internal/revocations',
        headers: {
          authorization: `Bearer ${gateway.issuer.serviceToken('tenant-node', tenant)}`,
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
        },
      });
    assert.equal((await gateway.call('GET', '/internal/revocations', { token })).status, 403);
    assert.equal((await gateway.call('GET', '/internal/revocations')).status, 401);
    const empty = await ask();
    assert.deepEqual(empty.json(), { revoked: [], users_issued_until: 0 });
    const etag = String(empty.headers['etag']);
    assert.deepEqual([(await ask(etag)).statusCode, (await ask(etag)).body], [304, '']);
    await gateway.store.revokeAll(userId);
    await gateway.clock.advance(1_000);
    const changed = await ask(etag);
    assert.deepEqual(changed.json(), { revoked: [{ sub: `user:${userId}`, generation: 1 }], users_issued_until: 0 });
    assert.notEqual(changed.headers['etag'], etag);
  });

  it('beyond its bound refuses what was issued before its oldest entry', async () => {
    await using beside = await Beside.open();
    const { clock, store, issuer } = beside.gateway;
    const early = issuer.userToken(tenant);
    await clock.advance(10_000);
    const revokedAtMs = clock.now();
    store.revocationsSince = async (_since, max) =>
      Array.from({ length: max }, (_, index) => ({ sub: `user:id-${index}`, generation: 1, revokedAtMs }));
    await clock.advance(1_000);
    const late = issuer.userToken(tenant);
    await beside.pass(5);
    assert.deepEqual([beside.takes(early), beside.takes(late)], [false, true]);
    const named = issuer.sign('auth-gateway', { sub: `user:id-${revocationsMax - 1}`, tenant });
    assert.equal(beside.takes(named), false);
    assert.equal(beside.takes(issuer.serviceToken('operator')), true);
  });
});
