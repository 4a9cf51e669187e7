import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { FakeClock } from '@hybridstore/test-kit';
import { BatchLedgerObjects } from '../../src/membership/batch-ledger-objects.ts';

const hourMs = 3_600_000;

function member(epoch: number, state: Member['state']): Member {
  return { pod: 'hs-acme-0', url: 'http://a', log_id: 'a', state, epoch };
}

function createLedgers() {
  const clock = new FakeClock();
  const objects = new Map<string, Buffer>();
  const store = {
    get: async (key: string) => objects.get(key),
    overwrite: async (key: string, bytes: Uint8Array) => {
      objects.set(key, Buffer.from(bytes));
    },
  };
  return { clock, ledgers: new BatchLedgerObjects({ store, clock, retentionMs: 24 * hourMs }) };
}

const applied = (lsn: number) => ({ lsn, accepted: 1, durable: true });

it('a member that is back and leaves again takes over the ids of its earlier life', async () => {
  const { ledgers, clock } = createLedgers();
  await ledgers.write(member(1, 'active'), [['first', applied(1)]]);
  assert.deepEqual(await ledgers.find(member(1, 'drained'), 'first'), applied(1));
  await clock.advance(23 * hourMs);
  assert.deepEqual(await ledgers.find(member(2, 'active'), 'first'), applied(1));
  await ledgers.write(member(2, 'active'), [['second', applied(7)]]);
  const drained = member(2, 'drained');
  assert.deepEqual(
    [await ledgers.find(drained, 'first'), await ledgers.find(drained, 'second')],
    [applied(1), applied(7)],
  );
  await clock.advance(48 * hourMs);
  await ledgers.write(member(3, 'active'), []);
  assert.equal(await ledgers.find(member(3, 'drained'), 'first'), undefined);
});
