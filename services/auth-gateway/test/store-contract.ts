import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import type { ApiKeyRecord, NewUser, UserStore } from '../src/domain/ports.ts';
import type { Grant } from '../src/domain/user.ts';

export type OpenStore = { readonly store: UserStore; [Symbol.asyncDispose](): Promise<void> };

const grant: Grant = { tenantId: 'default/acme', role: 'reader', sources: ['sales_*'] };

function user(name: string, more: Partial<NewUser> = {}): NewUser {
  return {
    userId: `id-${name}`,
    username: name,
    passwordHash: `hash of ${name}`,
    isPlatformAdmin: false,
    createdAtMs: 1_700_000_000_000,
    grants: [],
    ...more,
  };
}

function key(keyId: string, userId: string, more: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    keyId,
    userId,
    name: `name of ${keyId}`,
    tenantId: 'default/acme',
    permissions: [{ sources: ['*'], actions: ['read'] }],
    digest: Buffer.alloc(32, 7),
    createdAtMs: 1,
    expiresAtMs: 1_000,
    ...more,
  };
}

/** What every store of users must hold to; run it on each implementation. */
export function storeContract(name: string, open: (clock?: Clock) => Promise<OpenStore>): void {
  describe(`${name} as a store of users`, () => {
    it('gives back what was put in, by id and by name without case', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('Ada', { grants: [grant] }), 10);
      const expected = { ...user('Ada', { grants: [grant] }), generation: 0 };
      assert.deepEqual(await opened.store.userById('id-Ada'), expected);
      assert.deepEqual(await opened.store.userByName('aDA'), expected);
      assert.equal(await opened.store.userById('id-ada'), undefined);
      assert.equal(await opened.store.userByName('bob'), undefined);
    });

    it('refuses a taken name and leaves nothing of the second user', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      const second = user('ADA', { userId: 'id-2', grants: [grant] });
      await assert.rejects(opened.store.insertUser(second, 10), { code: 'conflict' });
      assert.equal(await opened.store.userById('id-2'), undefined);
    });

    it('refuses more users than it may hold', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 1);
      await assert.rejects(opened.store.insertUser(user('bob'), 1), { code: 'storage_full' });
    });

    it('adds a grant once, and grants of one tenant only', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      await opened.store.addGrant('id-ada', grant);
      await opened.store.addGrant('id-ada', { ...grant, role: 'writer' });
      assert.deepEqual((await opened.store.addGrant('id-ada', grant)).grants, [grant, { ...grant, role: 'writer' }]);
      await assert.rejects(opened.store.addGrant('id-ada', { ...grant, tenantId: 'default/globex' }), {
        code: 'conflict',
      });
      await assert.rejects(opened.store.addGrant('nobody', grant), { code: 'not_found' });
    });

    it('takes grants and keys together and counts the generation up', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada', { grants: [grant] }), 10);
      await opened.store.insertUser(user('bob', { grants: [grant] }), 10);
      await opened.store.insertKey(key('k1', 'id-ada'), 10);
      await opened.store.insertKey(key('k2', 'id-bob'), 10);
      const revoked = await opened.store.revokeAll('id-ada');
      assert.deepEqual([revoked.grants, revoked.generation], [[], 1]);
      assert.equal(await opened.store.keyById('k1'), undefined);
      assert.notEqual(await opened.store.keyById('k2'), undefined);
      assert.deepEqual((await opened.store.userById('id-bob'))?.grants, [grant]);
      assert.equal((await opened.store.revokeAll('id-ada')).generation, 2);
      await assert.rejects(opened.store.revokeAll('nobody'), { code: 'not_found' });
    });

    it('lets a revoked user into another tenant', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada', { grants: [grant] }), 10);
      await opened.store.revokeAll('id-ada');
      const moved = { ...grant, tenantId: 'default/globex' };
      assert.deepEqual((await opened.store.addGrant('id-ada', moved)).grants, [moved]);
    });

    it('has one platform administrator; changes end sessions, repetition does not', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      await opened.store.insertUser(user('bob'), 10);
      await opened.store.insertUser(user('carl'), 10);
      await opened.store.insertKey(key('k1', 'id-ada'), 10);
      await opened.store.insertKey(key('k2', 'id-carl'), 10);
      await opened.store.setPlatformAdministrator('id-ada');
      await opened.store.setPlatformAdministrator('id-ada');
      const standing = async (id: string) => {
        const held = await opened.store.userById(id);
        return [held?.isPlatformAdmin, held?.generation];
      };
      assert.deepEqual(await standing('id-ada'), [true, 1]);
      assert.equal(await opened.store.keyById('k1'), undefined);
      await opened.store.setPlatformAdministrator('id-bob');
      assert.deepEqual(
        [await standing('id-ada'), await standing('id-bob'), await standing('id-carl')],
        [
          [false, 2],
          [true, 1],
          [false, 0],
        ],
      );
      assert.notEqual(await opened.store.keyById('k2'), undefined);
      await assert.rejects(opened.store.setPlatformAdministrator('nobody'), { code: 'not_found' });
      assert.deepEqual(await standing('id-bob'), [true, 1]);
    });

    it('replaces a password hash', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      await opened.store.setPasswordHash('id-ada', 'new');
      assert.equal((await opened.store.userById('id-ada'))?.passwordHash, 'new');
    });

    it('takes one grant, counts the generation up and keeps keys', async () => {
      await using opened = await open();
      const writer: Grant = { ...grant, role: 'writer', sources: ['movies'] };
      await opened.store.insertUser(user('ada', { grants: [grant, writer] }), 10);
      await opened.store.insertKey(key('k1', 'id-ada'), 10);
      const left = await opened.store.revokeGrant('id-ada', grant);
      assert.deepEqual([left.grants, left.generation], [[writer], 1]);
      assert.notEqual(await opened.store.keyById('k1'), undefined);
      await assert.rejects(opened.store.revokeGrant('id-ada', grant), { code: 'not_found' });
      await assert.rejects(opened.store.revokeGrant('nobody', writer), { code: 'not_found' });
      const other = { ...writer, tenantId: 'default/globex' };
      await assert.rejects(opened.store.revokeGrant('id-ada', other), { code: 'not_found' });
      assert.equal((await opened.store.userById('id-ada'))?.generation, 1);
    });

    it('changes a password with a new generation', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada', { grants: [grant] }), 10);
      const changed = await opened.store.changePassword('id-ada', '$2b$04$new');
      assert.deepEqual([changed.passwordHash, changed.generation, changed.grants], ['$2b$04$new', 1, [grant]]);
      assert.deepEqual([await opened.store.hasHashOf('$2'), await opened.store.hasHashOf('$3')], [true, false]);
      await assert.rejects(opened.store.changePassword('nobody', 'x'), { code: 'not_found' });
    });

    it('knows the latest eight addresses of a user', async () => {
      const clock = new FakeClock();
      await using opened = await open(clock);
      const { store } = opened;
      await store.insertUser(user('ada', { address: 'first' }), 10);
      await store.insertUser(user('bob'), 10);
      for (let index = 1; index <= 7; index += 1) {
        await clock.advance(1_000);
        await store.noteAddress('id-ada', `address-${index}`);
      }
      const known = () => Promise.all(['first', 'address-1', 'more'].map((name) => store.knowsAddress('id-ada', name)));
      assert.deepEqual(await known(), [true, true, false]);
      assert.equal(await store.knowsAddress('id-bob', 'first'), false);
      // Used again after more than a day, the first is the latest.
      await clock.advance(90_000_000);
      await store.noteAddress('id-ada', 'first');
      await store.noteAddress('id-ada', 'more');
      assert.deepEqual(await known(), [true, false, true]);
      await store.changePassword('id-ada', 'x', 'more');
      assert.deepEqual(await known(), [false, false, true]);
    });

    it('keeps keys as they are, oldest first, and a bounded number of them', async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      await opened.store.insertKey(key('k2', 'id-ada', { createdAtMs: 2 }), 2);
      await opened.store.insertKey(key('k1', 'id-ada', { createdAtMs: 1 }), 2);
      assert.deepEqual(await opened.store.keyById('k1'), key('k1', 'id-ada', { createdAtMs: 1 }));
      assert.deepEqual(
        (await opened.store.keysOfUser('id-ada')).map((held) => held.keyId),
        ['k1', 'k2'],
      );
      await assert.rejects(opened.store.insertKey(key('k3', 'id-ada'), 2), { code: 'conflict' });
      assert.equal(await opened.store.keyById('k3'), undefined);
    });

    it('lists whose tokens were ended, newest first, until they are old', async () => {
      const clock = new FakeClock();
      await using opened = await open(clock);
      const { store } = opened;
      for (const name of ['ada', 'bob', 'carl']) await store.insertUser(user(name), 10);
      for (const [keyId, owner] of [
        ['k1', 'id-ada'],
        ['k2', 'id-bob'],
        ['k3', 'id-bob'],
      ] as const)
        await store.insertKey(key(keyId, owner), 10);
      const startMs = clock.now();
      await store.endSessions('id-ada');
      await clock.advance(1_000);
      await store.revokeAll('id-bob');
      await clock.advance(1_000);
      await store.deleteKey('id-ada', 'k1');
      await clock.advance(1_000);
      await store.endSessions('id-ada');
      await assert.rejects(store.endSessions('nobody'), { code: 'not_found' });
      assert.deepEqual(await store.revocationsSince(0, 10), [
        { sub: 'user:id-ada', generation: 2, revokedAtMs: startMs + 3_000 },
        { sub: 'key:k1', generation: 1, revokedAtMs: startMs + 2_000 },
        { sub: 'key:k2', generation: 1, revokedAtMs: startMs + 1_000 },
        { sub: 'key:k3', generation: 1, revokedAtMs: startMs + 1_000 },
        { sub: 'user:id-bob', generation: 1, revokedAtMs: startMs + 1_000 },
      ]);
      assert.equal((await store.revocationsSince(0, 2)).length, 2);
      assert.equal((await store.userById('id-ada'))?.generation, 2);
      assert.equal((await store.revocationsSince(startMs + 2_000, 10)).length, 2);
      assert.equal((await store.revocationsSince(0, 10)).length, 2);
    });

    it("deletes a user's own key, and expired ones", async () => {
      await using opened = await open();
      await opened.store.insertUser(user('ada'), 10);
      await opened.store.insertUser(user('bob'), 10);
      await opened.store.insertKey(key('k1', 'id-ada', { expiresAtMs: 100 }), 10);
      await opened.store.insertKey(key('k2', 'id-ada', { expiresAtMs: 200 }), 10);
      assert.equal(await opened.store.deleteKey('id-bob', 'k2'), false);
      assert.equal(await opened.store.deleteKeysExpiredBefore(200), 1);
      assert.equal(await opened.store.keyById('k1'), undefined);
      assert.equal(await opened.store.deleteKey('id-ada', 'k2'), true);
      assert.equal(await opened.store.deleteKey('id-ada', 'k2'), false);
    });
  });
}
