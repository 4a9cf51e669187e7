import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstLookMsMax, storeAwayMsMax } from '../src/tokens/credentials.ts';
import { type Answer, GatewayHarness, password } from './gateway-harness.ts';

const tenant = 'default/acme';

/** Two gateways that keep no user, and the process that keeps them, on loopback under one fake clock. */
class Sharing {
  readonly holder = new GatewayHarness();
  one!: GatewayHarness;
  two!: GatewayHarness;

  static async open(): Promise<Sharing> {
    const sharing = new Sharing();
    const url = await sharing.holder.fastify.listen({ host: '127.0.0.1', port: 0 });
    const holder = { gateway: sharing.holder, url };
    sharing.one = new GatewayHarness({ holder });
    sharing.two = new GatewayHarness({ holder });
    await sharing.readLists();
    return sharing;
  }

  get clock() {
    return this.holder.clock;
  }

  /** As services do all the time: from here on each gateway knows what is revoked by now. */
  async readLists(): Promise<void> {
    await this.clock.advance(1_000);
    const token = this.holder.issuer.serviceToken('monitoring');
    for (const gateway of [this.one, this.two])
      assert.equal((await gateway.call('GET', '/internal/revocations', { token })).status, 200);
  }

  /** The process that holds the users is gone. */
  async stopHolder(): Promise<void> {
    this.holder.fastify.server.closeAllConnections();
    await this.holder.fastify.close();
  }

  /** Lets time pass for a call that waits. */
  async awaited(call: Promise<Answer>): Promise<Answer> {
    let isOver = false;
    void call.finally(() => {
      isOver = true;
    });
    for (let turn = 0; !isOver; turn += 1) {
      assert.ok(turn < 100_000, 'the call does not end');
      if (turn % 100 === 99) await this.clock.advance(200);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gateway of [this.one, this.two, this.holder]) await gateway[Symbol.asyncDispose]();
  }
}

/** `valid`, the reason why not, or the code of an error. */
async function judge(gateway: GatewayHarness, token: string): Promise<unknown> {
  const { body } = await gateway.call('POST', '/auth/validate', { body: { token } });
  return body['valid'] === true ? 'valid' : (body['reason'] ?? body.error?.code);
}

describe('gateways that share a store', () => {
  it('take users, tokens and keys that another one made', async () => {
    await using sharing = await Sharing.open();
    const { one, two } = sharing;
    const ada = await one.member('ada', tenant, 'writer');
    const key = await two.createKey(ada.token);
    assert.deepEqual([await judge(two, ada.token), await judge(one, key)], ['valid', 'valid']);
    assert.equal((await two.login('ada')).user_id, ada.userId);
  });

  it('refuse within a second what another one revoked', async () => {
    await using sharing = await Sharing.open();
    const { one, two } = sharing;
    const { token } = await one.member('ada', tenant, 'writer');
    const key = await one.createKey(token);
    assert.deepEqual([await judge(two, token), await judge(two, key)], ['valid', 'valid']);
    const { key_id: keyId } =
      ((await one.call('GET', '/auth/keys', { token })).body['keys'] as { key_id: string }[])[0] ?? {};
    await one.call('DELETE', `/auth/keys/${keyId}`, { token });
    await one.call('POST', '/auth/logout', { token });
    await sharing.clock.advance(1_000);
    assert.deepEqual(
      [await judge(two, token), await judge(two, key)],
      ['the token was revoked', 'the API key is unknown, expired or revoked'],
    );
  });

  it('together let through no more guesses than one that is alone', async () => {
    await using sharing = await Sharing.open();
    await using alone = new GatewayHarness();
    for (const gateway of [sharing.one, alone]) await gateway.register('ada');
    const count = async (gateways: readonly GatewayHarness[], remoteAddress: string) => {
      let checked = 0;
      for (let guess = 0; guess < 20; guess += 1)
        for (const gateway of gateways) {
          const body = { username: 'ada', password: 'wrong_password' };
          const { status } = await gateway.call('POST', '/auth/login', { body, remoteAddress });
          checked += status === 401 ? 1 : 0;
        }
      return checked;
    };
    const [ofOne, ofTwo] = [await count([alone], '192.0.2.1'), await count([sharing.one, sharing.two], '192.0.2.1')];
    assert.deepEqual([ofOne, ofTwo], [5, 4]);
  });
});

describe('while nobody holds the users', () => {
  it('what a gateway knows goes on for two minutes, and a log-in is asked to come back', async () => {
    await using sharing = await Sharing.open();
    const { one, clock } = sharing;
    const { token } = await one.member('ada', tenant, 'writer');
    const key = await one.createKey(token);
    await sharing.readLists();
    assert.deepEqual([await judge(one, token), await judge(one, key)], ['valid', 'valid']);
    await sharing.stopHolder();
    await clock.advance(storeAwayMsMax - 2_000);
    assert.deepEqual([await judge(one, token), await judge(one, key)], ['valid', 'valid']);
    const refused = await one.call('POST', '/auth/login', { body: { username: 'ada', password } });
    assert.deepEqual([refused.status, refused.body.error?.code], [503, 'unavailable']);
    assert.equal(refused.headers['retry-after'], '1');
    await clock.advance(2_000);
    for (const credential of [token, key]) {
      const late = await sharing.awaited(one.call('POST', '/auth/validate', { body: { token: credential } }));
      assert.equal(late.status, 503);
    }
  });

  it("a user's token that is new to a gateway is judged by the list of what was revoked, a key is not", async () => {
    await using sharing = await Sharing.open();
    const { one, two } = sharing;
    const ada = await one.member('ada', tenant, 'writer');
    const bob = await one.member('bob', tenant, 'writer');
    const key = await one.createKey(ada.token);
    await one.call('POST', '/auth/logout', { token: bob.token });
    await sharing.readLists();
    await sharing.stopHolder();
    assert.deepEqual([await judge(two, ada.token), await judge(two, bob.token)], ['valid', 'the token was revoked']);
    const startedMs = sharing.clock.monotonicMs();
    const unknown = await sharing.awaited(two.call('POST', '/auth/validate', { body: { token: key } }));
    assert.equal(unknown.status, 503);
    assert.ok(sharing.clock.monotonicMs() - startedMs <= firstLookMsMax + 1_000);
  });

  it('what was revoked before is refused, however well it was known', async () => {
    await using sharing = await Sharing.open();
    const { one, two } = sharing;
    const ada = await one.member('ada', tenant, 'writer');
    const bob = await one.member('bob', tenant, 'writer');
    const [keyOfAda, keyOfBob] = [await one.createKey(ada.token), await one.createKey(bob.token)];
    const all = [ada.token, bob.token, keyOfAda, keyOfBob];
    for (const credential of all) assert.equal(await judge(two, credential), 'valid');
    const administrator = await sharing.holder.administrator();
    await one.call('DELETE', `/auth/permissions/${ada.userId}`, { token: administrator });
    await sharing.readLists();
    await sharing.stopHolder();
    const judged = [];
    for (const credential of [ada.token, bob.token, keyOfBob]) judged.push(await judge(two, credential));
    assert.deepEqual(judged, ['the token was revoked', 'valid', 'valid']);
    const refused = await sharing.awaited(two.call('POST', '/auth/validate', { body: { token: keyOfAda } }));
    assert.equal(refused.status, 503);
  });

  it('nothing is revoked in its last seconds, so that no gateway can have missed it', async () => {
    await using sharing = await Sharing.open();
    const { one, two, holder } = sharing;
    const { token } = await one.member('ada', tenant, 'writer');
    assert.equal(await judge(two, token), 'valid');
    holder.app.server.standard.isLeaving = true;
    const refused = await one.call('POST', '/auth/logout', { token });
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
    await sharing.clock.advance(1_000);
    assert.equal(await judge(two, token), 'valid');
    assert.equal((await one.call('POST', '/auth/login', { body: { username: 'ada', password } })).status, 200);
  });

  it('a credential of which nothing is known waits for the process that comes', async () => {
    await using sharing = await Sharing.open();
    const { one, two, holder } = sharing;
    const { token } = await one.member('ada', tenant, 'writer');
    const key = await one.createKey(token);
    const { port } = new URL(String(holder.fastify.listeningOrigin));
    await sharing.stopHolder();
    const waiting = two.call('POST', '/auth/validate', { body: { token: key } });
    await using again = new GatewayHarness({ folderOf: holder });
    await again.fastify.listen({ host: '127.0.0.1', port: Number(port) });
    const { body } = await sharing.awaited(waiting);
    assert.equal(body['valid'], true);
  });
});
