import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { planFunctions } from '@hybridstore/plan';
import { silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import type { Execution, StatementRequest } from '../../../src/domain/ports.ts';
import { ExecutorPool } from '../../../src/execute/executor-pool.ts';
import { readOverloads } from './engine-overloads.ts';
import { hostileCall, hostileForm, type Overload } from './hostile-calls.ts';
import { seededRandom } from './hostile-values.ts';

/**
 * Every function of the list is called with arguments that nobody would write, while the heap of the child is full of
 * another user's texts. Longer: `HOSTILE_CALLS=200 HOSTILE_SEED=7 npm test -- services/tenant-node/test/execute/engine-functions`
 */
const callsEach = Number(process.env['HOSTILE_CALLS'] ?? 2);
const seed = Number(process.env['HOSTILE_SEED'] ?? 1);
const callsPerCanary = 20;
const formsPerCall = 0.3;
const canary = 'CANARY-OF-ANOTHER-USER';
/** What a text of the canary looks like, however a function turned it. */
const traces = [canary, canary.toLowerCase(), [...canary].reverse().join('')];
const changesByItself = new Set(['random', 'uuid', 'current_timestamp', 'current_date']);
const never = new AbortController().signal;

describe('functions of the list', () => {
  const folder = createTemporaryFolder('hostile-calls');
  let pool: ExecutorPool;
  let overloads: ReadonlyMap<string, readonly Overload[]>;

  before(async () => {
    pool = new ExecutorPool({
      // One thread: rows come in one order.
      session: { memoryLimit: '256MB', threads: 1 },
      disk: systemDisk,
      filesFolder: join(folder.path, 'executor'),
      newSecret: () => randomBytes(16).toString('hex'),
      dataKibMax: 3_000_000,
      clock: systemClock,
      logger: silentLogger,
    });
    overloads = await readOverloads();
  });
  after(async () => {
    await pool.close();
    folder[Symbol.dispose]();
  });

  it('answer hostile arguments alike each time, end no child, and show nothing of others', async () => {
    const random = seededRandom(seed);
    const found: string[] = [];
    let calls = 0;
    let answers = 0;
    const attack = async (expression: string, name?: string) => {
      if (calls % callsPerCanary === 0) await fillHeap();
      calls += 1;
      const text = `SELECT ${expression} AS _c0 FROM range(4) _r0(_c1)`;
      const outcome = await judge(text, name !== undefined && changesByItself.has(name));
      if (outcome === 'answered') answers += 1;
      else if (outcome !== 'refused') found.push(`${outcome}: ${text}`);
    };
    for (let round = 0; round < callsEach; round += 1) {
      for (const known of planFunctions) {
        await attack(hostileCall(known, overloads.get(known.duckdb) ?? [], random), known.name);
        if (random() < formsPerCall) await attack(hostileForm(random));
      }
    }
    assert.deepEqual(found, []);
    // Otherwise the arguments are so hostile that no function ever sees them.
    assert.ok(answers > calls / 4, `${answers} of ${calls} calls were answered`);
  });

  async function judge(text: string, changes: boolean): Promise<string> {
    const first = await run(text);
    if (first instanceof Error) return isRefusal(first) ? 'refused' : `${first.name} ${first.message}`;
    if (traces.some((trace) => first.includes(trace))) return 'shows the canary';
    const second = await run(text);
    if (!changes && String(second) !== first) return `answers ${second} after ${first}`;
    return 'answered';
  }

  /** Another user's statement, which leaves its texts in memory that is free again. */
  async function fillHeap(): Promise<void> {
    const other = `'${canary}-' || _c1 || repeat('${canary}', CAST(_c1 % 40 AS INTEGER))`;
    const text = `SELECT count(DISTINCT upper(_c2) || reverse(_c2)) FROM (SELECT ${other} AS _c2 FROM range(4000) _r0(_c1)) _r1`;
    assert.equal(await run(text), '[4000]');
  }

  async function run(text: string): Promise<string | Error> {
    const child = await pool.acquire(never);
    try {
      return await readAll(child.run(statement(text)));
    } catch (error) {
      if (error instanceof Error) return error;
      throw error;
    }
  }
});

function isRefusal(error: Error): boolean {
  return 'code' in error && (error.code === 'invalid_request' || error.code === 'too_large');
}

function statement(text: string): StatementRequest {
  return {
    text,
    parameters: [],
    outputs: [{ name: 'x' }],
    views: [],
    shape: 'array',
    separator: ',',
    rowsMax: 1_000_000,
    bytesMax: 100_000_000,
  };
}

async function readAll(execution: Execution): Promise<string> {
  const texts: Buffer[] = [];
  for await (const piece of execution.pieces()) texts.push(...piece.texts);
  await execution.ended;
  return Buffer.concat(texts).toString('utf8');
}
