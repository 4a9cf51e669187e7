import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { createMemoryObjectStore } from '@hybridstore/engine';
import { isHybridStoreError } from '@hybridstore/runtime';
import { countDamage, type DamageCount, FakeClock, MemoryDisk, reportDamage } from '@hybridstore/test-kit';
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

type Damaged = { readonly key: string; readonly bytes: Buffer; readonly file: string };

/** Every flipped bit and every truncation of an object; each is read to what was written or is `corrupt` by its key. */
async function damageEverywhere(
  { key, bytes, file }: Damaged,
  read: (damaged: Buffer) => Promise<unknown>,
  expected: unknown,
) {
  const counts = new Map<string, DamageCount>();
  const look = async (damage: DamageCount['damage'], damaged: Buffer, what: string) => {
    try {
      assert.deepEqual(await read(damaged), expected, what);
      countDamage(counts, { file, damage }, 'right');
    } catch (error) {
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      assert.ok(error.message.startsWith(key), error.message);
      countDamage(counts, { file, damage }, 'refused');
    }
  };
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    await look('flip', damaged, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1)
    await look('truncation', bytes.subarray(0, length), `${length} bytes`);
  return [...counts.values()];
}

describe('an object of the membership that is damaged', () => {
  it('is the member that was written, or corrupt by its key', async (context) => {
    const store = createStore();
    const members = new MemberObjects(store);
    await members.write(member);
    const key = 'members/acme-0.json';
    const bytes = (await store.get(key))!;
    const read = async (damaged: Buffer) => {
      await store.overwrite(key, damaged);
      return (await members.list())[0];
    };
    const counts = await damageEverywhere({ key, bytes, file: 'member' }, read, member);
    reportDamage(context, counts);
    assert.ok(counts.reduce((sum, { refused }) => sum + refused, 0) > bytes.length * 8);
  });

  it('is the ledger that was written, or corrupt by its key', async (context) => {
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
    const counts = await damageEverywhere({ key, bytes, file: 'ledger of batches' }, read, [applied, undefined]);
    reportDamage(context, counts);
    assert.ok(counts.reduce((sum, { refused }) => sum + refused, 0) > bytes.length * 8);
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
