import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { ErrorBody, ExecuteRequest, RunningQuery } from '@hybridstore/contracts';
import type { Handler } from './fake-services.ts';
import { TestOperation } from './test-operation.ts';

/** One place, so that a query is only admitted when the one before it has given up its own. */
const onePlace = {
  admission: { runningMax: 1, runningPerTenantMax: 1, waitingMax: 80, waitingPerTenantMax: 80 },
  timeouts: { defaultMs: 600_000, maxMs: 600_000 },
};
const left = { query: 'select 1', timeout_seconds: 300 };
const lines = { accept: 'application/x-ndjson' };

type Stage = 'parse' | 'optimize' | 'execute';
type Hung = {
  /** Whether the service behind was notified that nobody waits for it. */
  isStopped: () => boolean;
};

/** The service takes the call and never answers. */
function hang(operation: TestOperation, stage: Stage): Hung {
  let isStopped = false;
  operation.services[stage] = (_request, _reply, { signal }) => {
    signal.addEventListener('abort', () => {
      isStopped = true;
    });
    return new Promise(() => {});
  };
  return { isStopped: () => isStopped };
}

/** The node answers with more than anybody takes who does not read. */
function streamWithoutEnd(operation: TestOperation): Hung {
  const source = new PassThrough();
  const line = Buffer.from(`{"n":"${'x'.repeat(64 * 1024)}"}\n`);
  const fill = () => {
    while (!source.destroyed && source.write(line));
  };
  source.on('drain', fill);
  operation.services.execute = (_request, reply) => reply.type('application/x-ndjson').send(source);
  fill();
  return { isStopped: () => source.destroyed };
}

const stages: readonly {
  readonly name: string;
  readonly begin: (operation: TestOperation) => Hung;
  readonly asked: Stage;
  readonly isStreaming?: boolean;
}[] = [
  { name: 'while it is parsed', begin: (operation) => hang(operation, 'parse'), asked: 'parse' },
  { name: 'while it is optimized', begin: (operation) => hang(operation, 'optimize'), asked: 'optimize' },
  { name: 'while it runs', begin: (operation) => hang(operation, 'execute'), asked: 'execute' },
  { name: 'while its reader takes nothing', begin: streamWithoutEnd, asked: 'execute', isStreaming: true },
];

type Left = { readonly operation: TestOperation; readonly leaving: AbortController };
const ways: readonly {
  readonly name: string;
  readonly end: (left: Left) => Promise<void>;
  readonly status?: number;
}[] = [
  { name: 'is cancelled', end: ({ operation }) => cancelOnly(operation), status: 410 },
  { name: 'is left', end: async ({ leaving }) => leaving.abort() },
  { name: 'passes its deadline', end: ({ operation }) => operation.clock.advance(300_000), status: 504 },
];

for (const { name, begin, asked, isStreaming } of stages)
  for (const way of ways)
    test(`a query that ${way.name} ${name} gives its place to the next at once`, async () => {
      await using operation = await TestOperation.start({ ...onePlace, optimizeMsMax: 600_000 });
      const { parse, optimize, execute } = operation.services;
      const hung = begin(operation);
      const leaving = new AbortController();
      const answer = operation.fetch('POST', '/query/sql', {
        body: left,
        headers: isStreaming ? lines : {},
        signal: leaving.signal,
      });
      answer.catch(() => {});
      await operation.until(() => operation.services.count(asked) === 1);
      if (isStreaming) await answer;
      Object.assign(operation.services, { parse, optimize, execute });
      const next = operation.sql();
      await operation.until(() => operation.app.queue.waiting === 1);
      await way.end({ operation, leaving });
      await settle(operation, () => operation.app.registry.size === 0 && hung.isStopped());
      assert.equal((await next).status, 200);
      assert.equal(operation.app.queue.running, 0);
      const isOnNode = asked === 'execute';
      await operation.until(() => operation.services.cancelled.length === (isOnNode ? 1 : 0));
      if (way.status === undefined) await assert.rejects(readAll(answer));
      else if (!isStreaming) assert.equal((await answer).status, way.status);
    });

for (const way of ways)
  test(`a query that ${way.name} while it waits leaves the line at once, and nothing is asked for it`, async () => {
    await using operation = await TestOperation.start(onePlace);
    hang(operation, 'execute');
    const blocking = operation.sql();
    blocking.catch(() => {});
    await operation.until(() => operation.services.count('execute') === 1);
    const leaving = new AbortController();
    const waiting = operation.fetch('POST', '/query/sql', { body: left, signal: leaving.signal });
    waiting.catch(() => {});
    await operation.until(() => operation.app.queue.waiting === 1);
    await way.end({ operation, leaving });
    await settle(operation, () => operation.app.queue.waiting === 0);
    assert.equal(operation.services.count('parse'), 1);
    if (way.status === undefined) await assert.rejects(waiting);
    else assert.equal((await waiting).status, way.status);
  });

test('64 queries that are left at once, running or waiting, leave nothing behind', async () => {
  await using operation = await TestOperation.start({
    ...onePlace,
    admission: { ...onePlace.admission, runningMax: 40, runningPerTenantMax: 40 },
  });
  const { execute } = operation.services;
  hang(operation, 'execute');
  const leaving = new AbortController();
  const answers = Array.from({ length: 64 }, () =>
    operation.fetch('POST', '/query/sql', { body: left, signal: leaving.signal }),
  );
  const ends = Promise.allSettled(answers);
  await operation.until(() => operation.app.registry.size === 64 && operation.services.count('execute') >= 32);
  assert.ok(operation.app.queue.waiting > 0);
  leaving.abort();
  await ends;
  await settle(operation, () => operation.app.registry.size === 0);
  assert.deepEqual([operation.app.queue.running, operation.app.queue.waiting], [0, 0]);
  // Some of those who waited may have had their turn, before it was noticed that they had left as well.
  await operation.until(() => {
    const cancelled = new Set(operation.services.cancelled);
    const executed = operation.services.asked.filter(({ service }) => service === 'execute');
    return executed.every(({ body }) => cancelled.has((body as ExecuteRequest).query_id));
  });
  operation.services.execute = execute;
  assert.equal((await operation.sql()).status, 200);
});

test('a query that is cancelled in the middle of its lines says so to its reader', async () => {
  await using operation = await TestOperation.start();
  const source = new PassThrough();
  operation.services.execute = ((_request, reply) => reply.type('application/x-ndjson').send(source)) satisfies Handler;
  source.write('{"n":1}\n');
  const answer = await operation.fetch('POST', '/query/sql', { body: left, headers: lines });
  await cancelOnly(operation);
  const [first, last, ...rest] = (await answer.text()).split('\n');
  assert.deepEqual([first, rest], ['{"n":1}', ['']]);
  const { error } = JSON.parse(last ?? '') as ErrorBody;
  assert.equal(error.code, 'gone');
});

/** Stops the query that came last. */
async function cancelOnly(operation: TestOperation): Promise<void> {
  const { queries } = (await operation.call('GET', '/queries')).body as { readonly queries: readonly RunningQuery[] };
  const query = queries.findLast(({ query: text }) => text === left.query);
  assert.equal((await operation.call('DELETE', `/queries/${query?.query_id}`)).status, 200);
}

/** Whether a client that ends is still there is asked at intervals, hence the time; no deadline passes in it. */
function settle(operation: TestOperation, condition: () => boolean): Promise<void> {
  return operation.until(() => {
    void operation.clock.advance(1);
    return condition();
  });
}

async function readAll(answer: Promise<Response>): Promise<string> {
  return (await answer).text();
}
