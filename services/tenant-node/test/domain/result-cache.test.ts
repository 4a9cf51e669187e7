import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogicalPlan } from '@hybridstore/contracts';
import { call, finishPlan, planFunctions, volatileFunctions } from '@hybridstore/plan';
import { orAborted } from '@hybridstore/runtime';
import type { Execution, RowPiece } from '../../src/domain/ports.ts';
import { type AnswerInput, type Entrance, ResultCache } from '../../src/domain/result-cache.ts';
import type { SourceView } from '../../src/domain/strict-view.ts';

const log = 'hybridstore/acme-0/1';
const view: SourceView = {
  sourceId: 'events',
  state: {
    sourceId: 'events',
    location: 'tables/events/1',
    version: 3,
    columns: [],
    schemaVersion: 1,
    files: [],
    txn: new Map(),
    committedAtMs: undefined,
  },
  fresh: [{ log, afterLsn: 1, untilLsn: 4 }],
  without: [],
};

function planOf(name: string): LogicalPlan {
  return finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'x', value: call(name) }] } });
}

const plan: LogicalPlan = { ...planOf('pi'), parameters: [{ type: 'bigint', value: 1 }] };
const input: AnswerInput = {
  plan,
  views: new Map([['events', view]]),
  shape: 'array',
  separator: ',',
  rowsMax: 10,
  bytesMax: 1_000,
};
const never = new AbortController().signal;

function pieceOf(text: string): RowPiece {
  return { texts: [Buffer.from(text)], rows: 1, bytes: text.length };
}

/** An execution whose pieces the test gives. */
function createExecution(pieces: AsyncIterable<RowPiece>): Execution {
  const columns = [{ name: 'x', type: 'double' }];
  return {
    started: Promise.resolve(columns),
    ended: Promise.resolve({ rows: 1, freshRows: 0 }),
    pieces: () => pieces,
    cancel: () => {},
  };
}

async function* list(...texts: string[]): AsyncGenerator<RowPiece> {
  for (const text of texts) yield pieceOf(text);
}

async function textOf(execution: Execution): Promise<string> {
  let text = '';
  for await (const { texts } of execution.pieces()) text += Buffer.concat(texts).toString();
  return text;
}

/** As a query does: it waits as long as another one is run. */
async function enter(cache: ResultCache, what: AnswerInput, signal: AbortSignal): Promise<Entrance> {
  for (;;) {
    const entrance = cache.enter(what);
    if (entrance.kind !== 'wait') return entrance;
    if ((await orAborted(entrance.ended, signal)) === 'too_large') return { kind: 'alone' };
  }
}

function leadOf(entrance: Entrance) {
  assert.equal(entrance.kind, 'lead');
  return (entrance as Extract<Entrance, { kind: 'lead' }>).lead; // as just asserted
}

async function answer(cache: ResultCache, what: AnswerInput, ...texts: string[]): Promise<void> {
  const execution = leadOf(await enter(cache, what, never)).keep(createExecution(list(...texts)));
  assert.equal(await textOf(execution), texts.join(''));
  await settle();
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the result cache', () => {
  it('repeats an answer for what is the same in every respect, and for nothing else', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 100 });
    await answer(cache, input, '[1]', ',[2]');
    const again = await enter(cache, { ...input, plan: { ...plan, warnings: [] } }, never);
    assert.equal(again.kind === 'kept' && (await textOf(again.execution)), '[1],[2]');
    const { state } = view;
    const seen = (over: Partial<SourceView>) => ({ ...input, views: new Map([['events', { ...view, ...over }]]) });
    const others: AnswerInput[] = [
      { ...input, plan: { ...plan, parameters: [{ type: 'bigint', value: 2 }] } },
      { ...input, plan: { ...plan, parameters: [{ type: 'string', value: 1 }] } },
      { ...input, plan: { ...planOf('e'), parameters: plan.parameters } },
      { ...input, shape: 'object' },
      { ...input, separator: '\n' },
      { ...input, rowsMax: 9 },
      { ...input, bytesMax: 999 },
      seen({ state: { ...state, version: 4 } }),
      seen({ state: { ...state, location: 'tables/events/2' } }),
      seen({ fresh: [] }),
      seen({ fresh: [{ log, afterLsn: 1, untilLsn: 5 }] }),
      seen({ fresh: [{ log: 'hybridstore/acme-0/2', afterLsn: 1, untilLsn: 4 }] }),
      seen({ fresh: [...view.fresh, { log: 'hybridstore/acme-1/1', afterLsn: 0, untilLsn: 1 }] }),
    ];
    for (const other of others) leadOf(await enter(cache, other, never)).giveUp();
  });

  it('keeps nothing that is decided anew each time, and knows every function that is', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 100 });
    for (const name of volatileFunctions)
      assert.equal((await enter(cache, { ...input, plan: planOf(name) }, never)).kind, 'alone');
    const anew = [...planFunctions.values()].filter(({ duckdb }) =>
      /\b(now|random|uuid|gen_random_uuid|current_\w+|today|setseed|nextval)\b/.test(duckdb),
    );
    assert.deepEqual(anew.map(({ name }) => name).sort(), [...volatileFunctions].sort());
  });

  it('runs one of those that ask the same at once, and gives all of them its answer', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 100 });
    const lead = leadOf(await enter(cache, input, never));
    const others = [enter(cache, input, never), enter(cache, input, never)];
    await textOf(lead.keep(createExecution(list('[1]'))));
    for (const entrance of await Promise.all(others))
      assert.equal(entrance.kind === 'kept' && (await textOf(entrance.execution)), '[1]');
  });

  it('waits for no reader of the first', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 100 });
    const unread = leadOf(await enter(cache, input, never)).keep(createExecution(list('[1]', ',[2]')));
    const other = await enter(cache, input, never);
    assert.equal(other.kind === 'kept' && (await textOf(other.execution)), '[1],[2]');
    assert.equal(await textOf(unread), '[1],[2]');
  });

  it('lets the next one run when the first fails, and each wait no longer than its own time', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 100 });
    const gone = Promise.withResolvers<never>();
    const broken: AsyncIterable<RowPiece> = { [Symbol.asyncIterator]: () => ({ next: () => gone.promise }) };
    const first = leadOf(await enter(cache, input, never)).keep(createExecution(broken));
    const late = new AbortController();
    const [impatient, second, third] = [
      enter(cache, input, late.signal),
      enter(cache, input, never),
      enter(cache, input, never),
    ];
    late.abort(new Error('its time is over'));
    await assert.rejects(impatient, /its time is over/);
    gone.reject(new Error('the caller went away'));
    await assert.rejects(textOf(first), /the caller went away/);
    await textOf(leadOf(await second).keep(createExecution(list('[7]'))));
    const last = await third;
    assert.equal(last.kind === 'kept' && (await textOf(last.execution)), '[7]');
  });

  it('keeps nobody waiting for what is too large, and hands it on as it comes', async () => {
    const cache = new ResultCache({ bytesMax: 10_000, answerBytesMax: 8 });
    const lead = leadOf(await enter(cache, input, never));
    const other = enter(cache, input, never);
    const execution = lead.keep(createExecution(list('12345', '67890', 'abc')));
    assert.equal((await other).kind, 'alone');
    assert.equal(await textOf(execution), '1234567890abc');
    await settle();
    assert.equal(cache.bytes, 0);
  });

  it('has a bound, and lets go of what was not asked for longest', async () => {
    const cache = new ResultCache({ bytesMax: 2_500, answerBytesMax: 100 });
    const numbered = (value: number) => ({ ...input, plan: { ...plan, parameters: [{ type: 'bigint', value }] } });
    await answer(cache, numbered(1), '[1]');
    await answer(cache, numbered(2), '[2]');
    assert.equal((await enter(cache, numbered(1), never)).kind, 'kept');
    await answer(cache, numbered(3), '[3]');
    assert.ok(cache.bytes <= 2_500);
    assert.equal((await enter(cache, numbered(1), never)).kind, 'kept');
    leadOf(await enter(cache, numbered(2), never)).giveUp();
    assert.equal((await enter(new ResultCache({ bytesMax: 0, answerBytesMax: 1 }), input, never)).kind, 'alone');
  });
});
