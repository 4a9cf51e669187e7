import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { createMemoryObjectStore } from '@hybridstore/engine';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock, MemoryDisk } from '@hybridstore/test-kit';
import { BatchLedgerObjects } from '../../src/membership/batch-ledger-objects.ts';
import { MemberObjects } from '../../src/membership/member-objects.ts';

const member: Member = {
  pod: 'acme-0',
  url: 'http://acme-0:8000',
  log_id: '0123456789abcdef0123456789abcdef',
  state: 'drained',
  epoch: 3,
  since: 2,
  since_ms: 1_767_000_000_000,
};
const applied = { lsn: 41, accepted: 3, durable: true };
const createStore = () => createMemoryObjectStore({ disk: new MemoryDisk(), localFolder: '/local' });
const createLedgers = (store: ReturnType<typeof createStore>) =>
  new BatchLedgerObjects({ store, clock: new FakeClock(), retentionMs: 86_400_000 });

/** Every flipped bit and every truncation of an object; each is read to what was written or is `corrupt` by its key. */
async function damageEverywhere(
  key: string,
  bytes: Buffer,
  read: (damaged: Buffer) => Promise<unknown>,
  expected: unknown,
) {
  const counts = { right: 0, named: 0 };
  const look = async (damaged: Buffer, what: string) => {
    try {
      assert.deepEqual(await read(damaged), expected, what);
      counts.right += 1;
    } catch (error) {
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      assert.ok(error.message.startsWith(key), error.message);
      counts.named += 1;
    }
  };
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    await look(damaged, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1) await look(bytes.subarray(0, length), `${length} bytes`);
  return counts;
}

describe('an object of the membership that is damaged', () => {
  it('is the member that was written, or corrupt by its key', async () => {
    const store = createStore();
    const members = new MemberObjects(store);
    await members.write(member);
    const key = 'members/acme-0.json';
    const bytes = (await store.get(key))!;
    const read = async (damaged: Buffer) => {
      await store.overwrite(key, damaged);
      return (await members.list())[0];
    };
    const { named } = await damageEverywhere(key, bytes, read, member);
    assert.ok(named > bytes.length * 8);
  });

  it('is the ledger that was written, or corrupt by its key', async () => {
    const store = createStore();
    await createLedgers(store).write(member, [
      ['flights/1 a', applied],
      ['flights/1 b', { ...applied, durable: false }],
    ]);
    const key = 'members/acme-0.batches.ledger';
    const bytes = (await store.get(key))!;
    const read = async (damaged: Buffer) => {
      await store.overwrite(key, damaged);
      const ledgers = createLedgers(store);
      return [await ledgers.find(member, 'flights/1 a'), await ledgers.find(member, 'flights/1 c')];
    };
    const { named } = await damageEverywhere(key, bytes, read, [applied, undefined]);
    assert.ok(named > bytes.length * 8);
  });

  it('is corrupt in the place of another member', async () => {
    const store = createStore();
    const members = new MemberObjects(store);
    await members.write(member);
    await store.overwrite('members/acme-1.json', (await store.get('members/acme-0.json'))!);
    await assert.rejects(members.list(), { code: 'corrupt', details: { path: 'members/acme-1.json' } });
  });

  it('of before the checksums is read as it was', async () => {
    const store = createStore();
    await store.overwrite('members/acme-0.json', Buffer.from(JSON.stringify(member)));
    assert.deepEqual(await new MemberObjects(store).read('acme-0'), member);
    const older = { epoch: 3, batches: [['flights/1 a', 41, 3, true]] };
    await store.overwrite('members/acme-0.batches.ledger', Buffer.from(JSON.stringify(older)));
    assert.deepEqual(await createLedgers(store).find(member, 'flights/1 a'), applied);
  });
});
