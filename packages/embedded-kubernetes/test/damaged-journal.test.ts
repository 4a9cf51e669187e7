import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, Stored } from '@hybridstore/controller-runtime';
import { isErrno, isHybridStoreError } from '@hybridstore/runtime';
import {
  codesOf,
  countDamage,
  type DamageCount,
  MemoryDisk,
  reportDamage,
  type Strike,
  StruckDisk,
  type StruckOperation,
} from '@hybridstore/test-kit';
import { Journal, type JournalRecord } from '../src/storage/journal.ts';

/** The crash suite takes every byte. */
const every = process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 1 : 7;
const folder = '/state';
const path = `${folder}/objects.ndjson`;
const head = `${folder}/objects.head`;

function secret(name: string, revision: number): Stored<KubeObject> {
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(revision) };
  return { apiVersion: 'v1', kind: 'Secret', metadata, data: { key: `value-${revision}` } } as Stored<KubeObject>;
}

/** What is appended one after the other: objects made, changed and removed. */
const records: readonly JournalRecord[] = Array.from({ length: 9 }, (_, index) => {
  const revision = index + 1;
  const name = `s${index % 4}`;
  const record = { revision, collection: 'v1/secrets', key: `default/${name}` };
  return index === 6 ? record : { ...record, object: secret(name, revision) };
});

function stateOf(all: readonly JournalRecord[]): string {
  const objects = new Map<string, unknown>();
  for (const { key, object } of all)
    if (object) objects.set(key, object);
    else objects.delete(key);
  return JSON.stringify([...objects].sort());
}

/** Written by two processes, so that the file has lines of a rewrite and lines of later; the second one was killed. */
async function writeJournal(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const part of [records.slice(0, 5), records.slice(5)]) {
    const { journal } = await Journal.open(disk, path);
    for (const record of part) {
      journal.append(record);
      await journal.flushed();
    }
    if (part[0] === records[0]) await journal.close();
    disk.kill();
  }
  return disk;
}

type Files = ReadonlyMap<string, Buffer<ArrayBuffer>>;

async function judge(files: Files): Promise<'right' | 'refused'> {
  const disk = new MemoryDisk();
  for (const [name, bytes] of files) disk.setBytes(name, Buffer.from(bytes));
  try {
    const opened = await Journal.open(disk, path);
    await opened.journal.close();
    assert.equal(stateOf(opened.records), stateOf(records));
    assert.equal(Math.max(...opened.records.map(({ revision }) => revision)), records.length);
    return 'right';
  } catch (error) {
    if (!isHybridStoreError(error, 'corrupt') || !error.message.startsWith(path)) throw error;
    return 'refused';
  }
}

describe('the journal of the embedded API server, damaged', () => {
  it('has every object as it was written, or is refused by name', async (context) => {
    const disk = await writeJournal();
    const whole = new Map([path, head].map((name) => [name, Buffer.from(disk.bytesOf(name))]));
    const counts = new Map<string, DamageCount>();
    const look = async (
      name: string,
      damage: DamageCount['damage'],
      bytes: Buffer<ArrayBuffer> | undefined,
      what: string,
    ) => {
      const files = new Map(whole);
      if (bytes) files.set(name, bytes);
      else files.delete(name);
      const count = { file: name === path ? 'journal of objects' : 'head of the journal', damage };
      try {
        countDamage(counts, count, await judge(files));
      } catch (cause) {
        countDamage(counts, count, 'wrong');
        throw new Error(`${name}: ${damage} ${what}`, { cause });
      }
    };
    try {
      for (const [name, bytes] of whole) {
        for (let at = 0; at < bytes.length; at += every) {
          const flipped = Buffer.from(bytes);
          flipped[at]! ^= 1 << (at % 8);
          await look(name, 'flip', flipped, `at byte ${at}`);
          await look(name, 'truncation', bytes.subarray(0, at), `at byte ${at}`);
        }
        for (let at = bytes.indexOf('\n') + 1; at > 0; at = bytes.indexOf('\n', at) + 1) {
          await look(name, 'truncation', bytes.subarray(0, at), `after the line that ends at ${at}`);
          const next = bytes.indexOf('\n', at) + 1;
          if (next > 0)
            await look(name, 'missing', Buffer.concat([bytes.subarray(0, at), bytes.subarray(next)]), `line at ${at}`);
        }
        await look(name, 'missing', undefined, '');
        await look(name, 'swapped', whole.get(name === path ? head : path), '');
      }
    } finally {
      reportDamage(context, counts.values());
    }
    const journal = [...counts.values()].find(({ file, damage }) => file === 'journal of objects' && damage === 'flip');
    // An uppercase letter of a checksum is no digit, so no flip at all of a journal is taken.
    assert.deepEqual([journal?.right, (journal?.refused ?? 0) > 200], [0, true]);
  });

  it('keeps all that was answered when any operation of the disk fails, or the machine stops in it', async (context) => {
    const operations: StruckOperation[] = [];
    await live(new MemoryDisk(), (_, operation) => void operations.push(operation));
    const counts = new Map<string, DamageCount>();
    for (const [index, operation] of operations.entries())
      for (const [strike, damage] of strikesOf(operation)) {
        const disk = new MemoryDisk();
        const answered = await live(disk, (at) => (at === index ? strike : undefined));
        const file = 'journal of objects';
        if (damage === 'kill') disk.kill();
        else disk.crash((writes) => writes / 2);
        const { records: found } = await Journal.open(disk, path);
        const isRight = [records.slice(0, answered), records.slice(0, answered + 1)].some(
          (state) => stateOf(state) === stateOf(found),
        );
        countDamage(counts, { file, damage }, isRight ? 'right' : 'wrong');
        assert.ok(isRight, `${JSON.stringify(strike)} at ${index}, ${operation}: ${answered} were answered`);
      }
    reportDamage(context, counts.values());
    assert.ok(operations.length > 50);
  });
});

function* strikesOf(operation: StruckOperation): Generator<readonly [Strike, DamageCount['damage']]> {
  for (const code of codesOf(operation)) yield [{ kind: 'refused', code }, 'I/O error'];
  yield [{ kind: 'lost', code: 'EIO' }, 'I/O error'];
  if (operation === 'write') yield [{ kind: 'short', code: 'ENOSPC' }, 'I/O error'];
  yield [{ kind: 'end' }, 'kill'];
  yield [{ kind: 'end' }, 'power cut'];
}

/** How many records were answered, one after the other, until an operation failed or the process was gone. */
async function live(
  disk: MemoryDisk,
  strike: (index: number, operation: StruckOperation) => Strike | undefined,
): Promise<number> {
  let answered = 0;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const struck = new StruckDisk(disk, strike, () => end());
  const write = async () => {
    for (const half of [records.slice(0, 5), records.slice(5)]) {
      const { journal } = await Journal.open(struck, path);
      for (const record of half) {
        journal.append(record);
        await journal.flushed();
        answered += 1;
      }
      await journal.close();
    }
  };
  await Promise.race([ended, write()]).catch((error: unknown) => {
    if (!isErrno(error, 'EIO', 'ENOSPC', 'EDQUOT', 'EMFILE')) throw error;
  });
  struck.end();
  return answered;
}
