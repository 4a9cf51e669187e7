import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import {
  type ErrorBody,
  type ExecuteRequest,
  type LinesEnd,
  linesEndTrailer,
  type ParseResponse,
  type ParseSqlRequest,
  type QueryResponse,
  type RunningQuery,
} from '@hybridstore/contracts';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import type { FastifyReply } from 'fastify';
import { reportEveryMs } from '../src/clients/http-execution-reporter.ts';
import { answerText, betterPlan, plan } from './fake-services.ts';
import { acme, TestOperation } from './test-operation.ts';

const errorOf = (body: unknown) => (body as ErrorBody).error;
const queriesOf = (body: unknown) => (body as { queries: RunningQuery[] }).queries;
const lines = { accept: 'application/x-ndjson' };
const reader = (sub: string) => ({ sub, tenant: acme, permissions: [{ sources: ['*'], actions: ['read' as const] }] });

test('a SQL query is parsed, optimized and run, and its stages are in the statistics', async () => {
  await using operation = await TestOperation.start();
  const answer = await operation.sql({ dialect: 'postgresql', parameters: { n: 5 }, consistency: 'committed' });
  assert.equal(answer.status, 200);
  const { stats, ...rest } = answer.body as QueryResponse;
  assert.deepEqual(rest, { columns: [{ name: 'n', type: 'bigint' }], rows: [[3]], row_count: 1 });
  assert.deepEqual(stats, {
    query_id: answer.headers.get('x-query-id'),
    elapsed_ms: 0,
    execute_ms: 0,
    files_read: 2,
    bytes_read: 700,
    queue_ms: 0,
    plan_ms: 0,
    plan_cached: true,
    optimized: true,
  });
  assert.match(stats.query_id, /^q-[0-9a-f]{32}$/);
  assert.deepEqual(
    operation.services.asked.map(({ service, deadlineMs }) => [service, deadlineMs]),
    [
      ['parse', 60_000],
      ['optimize', 1_000],
      ['execute', 60_000],
    ],
  );
  assert.deepEqual(operation.services.asked[0]?.body, {
    query: 'select count(*) as n from events',
    dialect: 'postgresql',
    parameters: { n: 5 },
  });
  assert.deepEqual(operation.services.lastExecution(), {
    query_id: stats.query_id,
    plan: betterPlan,
    consistency: 'committed',
    format: 'rows_json',
    deadline_ms: 60_000,
  });
});

test("every hop gets the user's own token", async () => {
  await using operation = await TestOperation.start();
  const token = operation.token([{ sources: ['events'], actions: ['read'] }]);
  await operation.sql({}, { token });
  assert.deepEqual([...new Set(operation.services.asked.map((call) => call.token))], [token]);
});

test('a DSL query goes the same way, strict unless it asks for less', async () => {
  await using operation = await TestOperation.start();
  const query = { query_type: 'filter', source: 'events', conditions: [{ field: 'id', operator: 'gt', value: 1 }] };
  const answer = await operation.call('POST', '/query/dsl', { body: { query } });
  assert.equal(answer.status, 200);
  assert.deepEqual(operation.services.asked[0]?.body, { query });
  assert.equal(operation.services.lastExecution().consistency, 'strict');
});

test('an execution is reported to the cost model with what was predicted', async () => {
  await using operation = await TestOperation.start();
  const answer = await operation.sql();
  await operation.clock.advance(reportEveryMs);
  await operation.until(() => operation.services.reports.length === 1);
  assert.deepEqual(operation.services.reports, [
    {
      tenant_id: acme,
      query_id: answer.headers.get('x-query-id'),
      shape: 'shape-1',
      predicted_ms: 12,
      execute_ms: 4,
      rows_out: 1,
      bytes_read: 700,
      outcome: 'done',
    },
  ]);
});

test('what the plan warns of goes to the node, and with its figures to the caller', async () => {
  await using operation = await TestOperation.start();
  const warnings = [{ code: 'binary_text_comparison', message: 'texts of name are compared byte by byte' }];
  operation.services.execute = (request, reply) => {
    const { query_id, plan } = request.body as ExecuteRequest;
    const stats = { query_id, elapsed_ms: 1, warnings: plan.warnings ?? [] };
    return reply.send({ columns: [], rows: [], row_count: 0, stats });
  };
  const none = await operation.sql();
  assert.deepEqual((none.body as QueryResponse).stats.warnings, []);
  const { parse } = operation.services;
  operation.services.parse = async (...call) => {
    const answer = (await parse(...call)) as ParseResponse;
    return { ...answer, parsed_query: { ...answer.parsed_query, warnings } };
  };
  operation.services.optimize = () => {
    throw new HybridStoreError('unavailable', 'no plan');
  };
  const other = await operation.sql({ query: 'select count(*) as n from events where name = id' });
  assert.deepEqual((other.body as QueryResponse).stats.warnings, warnings);
});

test('what fails while it runs is said with its place in the statement, or with all that it may be', async () => {
  await using operation = await TestOperation.start();
  const failed = { kind: 'cast', type: 'integer' };
  operation.services.execute = () => {
    throw new HybridStoreError('invalid_request', 'a text does not convert to integer', { failed });
  };
  const one = { line: 2, column: 8 };
  const other = { line: 3, column: 1 };
  const ask = async (...places: readonly object[]) => {
    operation.services.locate = () => ({ places });
    const { status, body } = await operation.sql();
    assert.equal(status, 400);
    return (body as ErrorBody).error;
  };
  const found = await ask(one);
  assert.equal(found.message, 'a text does not convert to integer (line 2, column 8)');
  assert.deepEqual(found.details, { failed, field: 'query', ...one });
  const several = await ask(one, other);
  assert.equal(several.message, 'a text does not convert to integer (at one of: line 2, column 8; line 3, column 1)');
  assert.deepEqual(several.details['places'], [one, other]);
  assert.equal((await ask()).message, 'a text does not convert to integer');
  const bodyOf = (name: string) => operation.services.asked.find(({ service }) => service === name)?.body as object;
  const { lift_literals: isLifting, ...statement } = bodyOf('parse') as ParseSqlRequest;
  assert.equal(isLifting, true);
  assert.deepEqual(bodyOf('locate'), { ...statement, failed });
});

test('a failure is said without a place where none is found in time, and of the DSL none is looked for', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = () => {
    throw new HybridStoreError('invalid_request', 'division by zero', {
      failed: { kind: 'error', message: 'division by zero' },
    });
  };
  operation.services.locate = () => {
    throw new HybridStoreError('unavailable', 'away');
  };
  const { status, body } = await operation.sql();
  assert.deepEqual([status, (body as ErrorBody).error.message], [400, 'division by zero']);
  const looks = operation.services.count('locate');
  const query = { query_type: 'filter', source: 'events', conditions: [{ field: 'id', operator: 'gt', value: 1 }] };
  assert.equal((await operation.call('POST', '/query/dsl', { body: { query } })).status, 400);
  assert.equal(operation.services.count('locate'), looks);
});

function sendLines(reply: FastifyReply, text: string, end: LinesEnd): FastifyReply {
  reply.trailer(linesEndTrailer, async () => JSON.stringify(end));
  return reply.type('application/x-ndjson').send(text);
}

test('NDJSON passes through as it comes', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = (_request, reply) =>
    sendLines(reply, '{"n":1}\n{"n":2}\n', { rows: 2, execute_ms: 7, bytes_read: 700 });
  const answer = await operation.sql({}, { headers: lines });
  assert.match(answer.headers.get('content-type') ?? '', /^application\/x-ndjson/);
  assert.equal(answer.text, '{"n":1}\n{"n":2}\n');
  assert.equal(operation.services.lastExecution().format, 'rows_ndjson');
  await operation.clock.advance(reportEveryMs);
  await operation.until(() => operation.services.reports.length === 1);
  const [report] = operation.services.reports;
  assert.deepEqual([report?.rows_out, report?.execute_ms, report?.bytes_read, report?.outcome], [2, 7, 700, 'done']);
});

test('CSV and Arrow pass through as they come when the node says that all rows are there', async () => {
  await using operation = await TestOperation.start();
  for (const [format, accept] of [
    ['rows_csv', 'text/csv'],
    ['rows_arrow', 'application/vnd.apache.arrow.stream'],
  ] as const) {
    operation.services.execute = (_request, reply) => {
      reply.trailer(linesEndTrailer, async () => JSON.stringify({ rows: 1, execute_ms: 7, bytes_read: 700 }));
      return reply.type(accept).send('a\r\n1\r\n');
    };
    const answer = await operation.sql({}, { headers: { accept } });
    assert.equal(answer.text, 'a\r\n1\r\n');
    assert.ok(answer.headers.get('content-type')?.startsWith(accept));
    assert.equal(operation.services.lastExecution().format, format);
  }
});

test('CSV and Arrow of which rows are missing, or nothing is said, break off', async () => {
  await using operation = await TestOperation.start();
  const ends = [
    { rows: 1, execute_ms: 7, bytes_read: 700, error: 'deadline_exceeded' },
    { rows: 1, execute_ms: 7, bytes_read: 700, error: 'invalid_request' },
    undefined,
  ];
  const outcomes = ['timed_out', 'failed', 'failed'];
  for (const [index, end] of ends.entries()) {
    for (const accept of ['text/csv', 'application/vnd.apache.arrow.stream']) {
      operation.services.execute = (_request, reply) => {
        if (end) reply.trailer(linesEndTrailer, async () => JSON.stringify(end));
        return reply.type(accept).send(Readable.from([Buffer.from('a\r\n1\r\n')]));
      };
      // Where nothing of it is out yet, it is a failure with its status.
      const status = await operation.sql({}, { headers: { accept } }).then(
        (answer) => answer.status,
        () => 'broken off',
      );
      assert.notEqual(status, 200);
    }
    await operation.clock.advance(reportEveryMs);
    await operation.until(() => operation.services.reports.length === 2 * (index + 1));
    assert.equal(operation.services.reports.at(-1)?.outcome, outcomes[index]);
  }
  assert.equal((await operation.call('GET', '/queries')).text, '{"queries":[]}');
});

test('lines whose last one is a failure of the node count as what failed', async () => {
  await using operation = await TestOperation.start();
  const outcomes = [
    ['invalid_request', 'failed'],
    ['deadline_exceeded', 'timed_out'],
  ] as const;
  for (const [index, [code, outcome]] of outcomes.entries()) {
    const text = `{"n":1}\n{"error":{"code":"${code}"}}\n`;
    operation.services.execute = (_request, reply) =>
      sendLines(reply, text, { rows: 1, execute_ms: 7, bytes_read: 700, error: code });
    assert.equal((await operation.sql({}, { headers: lines })).text, text);
    await operation.clock.advance(reportEveryMs);
    await operation.until(() => operation.services.reports.length === index + 1);
    assert.equal(operation.services.reports[index]?.outcome, outcome);
  }
});

test('NDJSON of a node that says nothing behind it is whole', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = (_request, reply) => reply.type('application/x-ndjson').send('{"n":1}\n');
  assert.equal((await operation.sql({}, { headers: lines })).text, '{"n":1}\n');
});

test('the first lines arrive while the node still works', async () => {
  await using operation = await TestOperation.start();
  const source = new PassThrough();
  operation.services.execute = (_request, reply) => reply.type('application/x-ndjson').send(source);
  source.write('{"n":1}\n');
  const response = await operation.fetch('POST', '/query/sql', { body: { query: 'select 1' }, headers: lines });
  const body = response.body!.getReader();
  assert.equal(Buffer.from((await body.read()).value!).toString(), '{"n":1}\n');
  source.end('{"n":2}\n');
  assert.equal(Buffer.from((await body.read()).value!).toString(), '{"n":2}\n');
  assert.equal((await body.read()).done, true);
});

test('an optimizer that fails, refuses or is away costs no query', async () => {
  await using operation = await TestOperation.start();
  const failures = [
    new Error('broken'),
    new HybridStoreError('invalid_request', 'no'),
    retryLater('overloaded', 'no', 1),
  ];
  for (const failure of failures) {
    operation.services.optimize = () => {
      throw failure;
    };
    const { body } = await operation.sql();
    assert.equal((body as QueryResponse).stats.optimized, false);
    assert.deepEqual(operation.services.lastExecution().plan, plan);
  }
  await operation.services.stop('cbo-engine');
  const { status, body } = await operation.sql();
  assert.deepEqual([status, (body as QueryResponse).stats.optimized], [200, false]);
  await operation.clock.advance(reportEveryMs);
  assert.deepEqual(operation.services.reports, []);
});

test('an optimizer that is slow is left behind after its time', async () => {
  await using operation = await TestOperation.start({ optimizeMsMax: 30 });
  operation.services.optimize = () => new Promise(() => {});
  const { status, body } = await operation.sql();
  assert.deepEqual([status, (body as QueryResponse).stats.optimized], [200, false]);
  assert.equal(operation.services.asked[1]?.deadlineMs, 30);
});

test('what the interpreter refuses reaches the caller as it is', async () => {
  await using operation = await TestOperation.start();
  operation.services.parse = () => {
    throw new HybridStoreError('invalid_request', 'unknown column nam', {
      field: 'query',
      position: 7,
      nearest: 'name',
    });
  };
  const { status, body } = await operation.sql();
  assert.equal(status, 400);
  assert.deepEqual(errorOf(body).details, { field: 'query', position: 7, nearest: 'name' });
  assert.equal(operation.services.count('execute'), 0);
  assert.equal(operation.app.queue.running, 0);
});

test('an interpreter whose connection breaks is asked again, at most four times', async () => {
  await using operation = await TestOperation.start();
  const parse = operation.services.parse;
  let broken = 2;
  operation.services.parse = (request, reply, context) => {
    broken -= 1;
    if (broken < 0) return parse(request, reply, context);
    request.raw.socket.destroy();
    return reply;
  };
  const answer = operation.sql();
  for (const delayMs of [100, 300]) {
    await operation.until(() => operation.clock.pending >= 2 + operation.services.count('optimize'));
    await operation.clock.advance(delayMs);
  }
  assert.equal((await answer).status, 200);
  assert.equal(operation.services.count('parse'), 3);
});

test('a plan that may have started is not sent again', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = (request, reply) => {
    request.raw.socket.destroy();
    return reply;
  };
  const { status, body } = await operation.sql();
  assert.equal(status, 503);
  assert.equal(errorOf(body).code, 'unavailable');
  assert.equal(operation.services.count('execute'), 1);
});

test('a plan is sent again to a tenant whose node has just come or is about to go, and to no other that is unavailable', async () => {
  await using operation = await TestOperation.start();
  const { services, clock } = operation;
  const { execute } = services;
  let refusal = new HybridStoreError('unavailable', 'no member', { is_member: false });
  services.execute = () => {
    services.execute = execute;
    throw refusal;
  };
  const first = services.execute;
  const asked = operation.sql();
  await operation.until(() => services.count('execute') === 1);
  for (let turn = 0; turn < 20 && services.count('execute') === 1; turn += 1) await clock.advance(100);
  assert.deepEqual([(await asked).status, services.count('execute')], [200, 2]);
  refusal = new HybridStoreError('unavailable', 'the disk is away');
  services.execute = first;
  assert.deepEqual([(await operation.sql({ query: 'select 2' })).status, services.count('execute')], [503, 3]);
});

test('a node that refuses connections is tried again and then reported with a time to come back', async () => {
  await using operation = await TestOperation.start({ tenantUrlTemplate: 'http://127.0.0.1:1' });
  const answer = operation.sql();
  for (const delayMs of [100, 300, 900]) {
    await operation.until(() => operation.services.count('optimize') === 1 && operation.clock.pending >= 2);
    await operation.clock.advance(delayMs);
  }
  const { status, body, headers } = await answer;
  assert.equal(status, 503);
  assert.equal(errorOf(body).message, '127.0.0.1:1 cannot be reached');
  assert.equal(headers.get('retry-after'), '1');
});

test('a tenant that has no Service is not found, whatever its token says', async () => {
  await using operation = await TestOperation.start({ tenantUrlTemplate: 'http://hs-{name}.{namespace}.svc:8000' });
  const answer = operation.sql();
  for (const delayMs of [100, 300, 900]) {
    await operation.until(() => operation.services.count('optimize') === 1 && operation.clock.pending >= 2);
    await operation.clock.advance(delayMs);
  }
  const { status, body } = await answer;
  assert.equal(status, 404);
  assert.deepEqual(errorOf(body).message, 'tenant default/acme does not exist');
});

test('after five failures in a row a service is left alone', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = (request, reply) => {
    request.raw.socket.destroy();
    return reply;
  };
  for (let query = 0; query < 5; query += 1) await operation.sql();
  assert.equal(operation.services.count('execute'), 5);
  const { status, body } = await operation.sql();
  assert.equal(status, 503);
  assert.deepEqual(errorOf(body).details, { service: 'nodes of default/acme', retry_after_ms: 2_000 });
  assert.equal(operation.services.count('execute'), 5);
});

test('a strict read beside a member that is away says which and since when, in every form of question and answer', async () => {
  await using operation = await TestOperation.start();
  const away = { member: 'hs-acme-1', away_since: '2026-01-01T00:00:00.000Z' };
  operation.services.execute = () => {
    throw retryLater('unavailable', 'member hs-acme-1 cannot be asked for its newest rows', 1_000, away);
  };
  const query = { query_type: 'filter', source: 'events', conditions: [{ field: 'id', operator: 'gt', value: 1 }] };
  const answers = [
    await operation.sql(),
    await operation.sql({}, { headers: lines }),
    await operation.call('POST', '/query/dsl', { body: { query } }),
  ];
  for (const { status, body, headers } of answers) {
    assert.deepEqual([status, headers.get('retry-after')], [503, '1']);
    assert.deepEqual(errorOf(body).details, { ...away, retry_after_ms: 1_000 });
  }
});

test('a reader who allows an answer to be behind is handed on as one, in every form of question', async () => {
  await using operation = await TestOperation.start();
  const allowed = { consistency: 'bounded(30000)' };
  await operation.sql(allowed);
  assert.equal(operation.services.lastExecution().consistency, 'bounded(30000)');
  const query = { query_type: 'filter', source: 'events', conditions: [{ field: 'id', operator: 'gt', value: 1 }] };
  await operation.call('POST', '/query/dsl', { body: { query, ...allowed } });
  assert.equal(operation.services.lastExecution().consistency, 'bounded(30000)');
  const { status, body } = await operation.sql({ consistency: 'bounded(1.5)' });
  const { field, expected, actual } = errorOf(body).details as Readonly<Record<string, unknown>>;
  assert.deepEqual(
    [status, field, expected, actual],
    [400, 'consistency', 'strict, committed, or bounded(<ms>) with 1 to 3600000 milliseconds', '"bounded(1.5)"'],
  );
});

test("a node's own refusal opens no circuit", async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = () => {
    throw retryLater('unavailable', 'member hs-acme-1 cannot be reached', 700);
  };
  for (let query = 0; query < 8; query += 1) {
    const { body } = await operation.sql();
    assert.equal(errorOf(body).message, 'member hs-acme-1 cannot be reached');
  }
  assert.equal(operation.services.count('execute'), 8);
});

test('a query that takes too long ends with 504 and is stopped on the node', async () => {
  await using operation = await TestOperation.start();
  let isAborted = false;
  operation.services.execute = (_request, reply, { signal }) => {
    signal.addEventListener('abort', () => {
      isAborted = true;
    });
    return new Promise(() => reply);
  };
  const answer = operation.sql({ timeout_seconds: 2 });
  await operation.until(() => operation.services.count('execute') === 1);
  assert.equal(operation.services.lastExecution().deadline_ms, 2_000);
  await operation.clock.advance(2_000);
  const { status, body } = await answer;
  assert.deepEqual([status, errorOf(body).code], [504, 'deadline_exceeded']);
  assert.equal(errorOf(body).details['timeout_ms'], 2_000);
  await operation.until(() => isAborted && operation.services.cancelled.length === 1);
  assert.deepEqual(operation.services.cancelled, [operation.services.lastExecution().query_id]);
  assert.equal(operation.app.queue.running, 0);
});

test("a query gets the least of what it asks for, the platform's limit and its caller's deadline", async () => {
  await using operation = await TestOperation.start({ timeouts: { defaultMs: 5_000, maxMs: 8_000 } });
  const timeoutOf = async (body: object, headers: Record<string, string> = {}) => {
    await operation.sql(body, { headers });
    return operation.services.lastExecution().deadline_ms;
  };
  assert.equal(await timeoutOf({}), 5_000);
  assert.equal(await timeoutOf({ timeout_seconds: 60 }), 8_000);
  assert.equal(await timeoutOf({ timeout_seconds: 0.25 }), 250);
  assert.equal(await timeoutOf({ timeout_seconds: 7 }, { 'x-deadline-ms': '1200' }), 1_200);
});

test('a client that goes away stops its query everywhere', async () => {
  await using operation = await TestOperation.start();
  let isAborted = false;
  operation.services.execute = (_request, reply, { signal }) => {
    signal.addEventListener('abort', () => {
      isAborted = true;
    });
    return new Promise(() => reply);
  };
  const leaving = new AbortController();
  const answer = operation.fetch('POST', '/query/sql', { body: { query: 'select 1' }, signal: leaving.signal });
  await operation.until(() => operation.services.count('execute') === 1);
  leaving.abort();
  await assert.rejects(answer);
  // A connection that ends is asked whether its client still listens, at intervals.
  await operation.until(() => {
    void operation.clock.advance(1);
    return isAborted && operation.services.cancelled.length === 1;
  });
  assert.deepEqual([operation.app.queue.running, operation.app.registry.size], [0, 0]);
});

test('a client that goes away in the middle of a stream stops it too', async () => {
  await using operation = await TestOperation.start();
  const source = new PassThrough();
  operation.services.execute = (_request, reply) => reply.type('application/x-ndjson').send(source);
  source.write('{"n":1}\n');
  const leaving = new AbortController();
  const response = await operation.fetch('POST', '/query/sql', {
    body: { query: 'select 1' },
    headers: lines,
    signal: leaving.signal,
  });
  await response.body!.getReader().read();
  leaving.abort();
  await operation.until(() => source.destroyed && operation.services.cancelled.length === 1);
  assert.deepEqual([operation.app.queue.running, operation.app.registry.size], [0, 0]);
  await operation.clock.advance(reportEveryMs);
  await operation.until(() => operation.services.reports.length === 1);
  assert.equal(operation.services.reports[0]?.outcome, 'cancelled');
});

test('a stream that breaks between two lines ends with a line that says so', async () => {
  await using operation = await TestOperation.start();
  const source = new PassThrough();
  operation.services.execute = (_request, reply) => reply.type('application/x-ndjson').send(source);
  source.write('{"n":1}\n');
  const response = await operation.fetch('POST', '/query/sql', { body: { query: 'select 1' }, headers: lines });
  const body = response.body!.getReader();
  await body.read();
  await operation.clock.advance(60_000);
  const last = JSON.parse(Buffer.from((await body.read()).value!).toString()) as ErrorBody;
  assert.deepEqual([last.error.code, last.error.details['timeout_ms']], ['deadline_exceeded', 60_000]);
  assert.equal(last.error.request_id, response.headers.get('x-request-id'));
  assert.equal((await body.read()).done, true);
});

test('a stream that breaks in the middle of a line breaks the connection', async () => {
  await using operation = await TestOperation.start();
  let breakOff = () => {};
  operation.services.execute = (_request, reply) => {
    const source = new PassThrough();
    source.write('{"n":1}\n{"n":');
    breakOff = () => source.destroy(new Error('broken'));
    return reply.type('application/x-ndjson').send(source);
  };
  const { body } = await operation.fetch('POST', '/query/sql', { body: { query: 'select 1' }, headers: lines });
  const reader = body!.getReader();
  // The half line has come through before the node breaks off.
  let text = '';
  while (text !== '{"n":1}\n{"n":') text += Buffer.from((await reader.read()).value ?? []).toString();
  breakOff();
  await assert.rejects(reader.read());
  await operation.until(() => operation.app.registry.size === 0);
});

test('a JSON answer that breaks is never passed for a whole one', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = (_request, reply) => {
    const source = new PassThrough();
    source.write(answerText.slice(0, 60));
    setImmediate(() => source.destroy(new Error('broken')));
    return reply.type('application/json').send(source);
  };
  const { status, body } = await operation.sql();
  assert.deepEqual([status, errorOf(body).code], [503, 'unavailable']);
});

test('a large JSON answer streams with little memory and ends with merged statistics', async () => {
  await using operation = await TestOperation.start();
  const rows = `[${'"x",'.repeat(2_000)}{"stats":{"trap":1}}],`;
  const count = 500;
  operation.services.execute = (_request, reply) => {
    const source = new PassThrough();
    source.write('{"columns":[],"rows":[');
    for (let row = 0; row < count; row += 1) source.write(rows);
    source.end(`[1]],"row_count":${count + 1},"stats":{"query_id":"x","elapsed_ms":5}}`);
    return reply.type('application/json').send(source);
  };
  const { body } = await operation.sql();
  const answer = body as QueryResponse;
  assert.equal(answer.rows.length, count + 1);
  assert.equal(answer.stats.plan_cached, true);
  await operation.clock.advance(reportEveryMs);
  await operation.until(() => operation.services.reports.length === 1);
  assert.equal(operation.services.reports[0]?.rows_out, count + 1);
});

test('queries beyond the bound are refused with their place and a time to come back', async () => {
  await using operation = await TestOperation.start({
    admission: { runningMax: 1, runningPerTenantMax: 1, waitingMax: 2, waitingPerTenantMax: 2 },
  });
  const release: (() => void)[] = [];
  operation.services.execute = (_request, reply) =>
    new Promise((resolve) => release.push(() => resolve(reply.type('application/json').send(answerText))));
  const first = operation.sql();
  await operation.until(() => release.length === 1);
  const second = operation.sql();
  await operation.until(() => operation.app.queue.waiting === 1);
  const third = operation.sql();
  await operation.until(() => operation.app.queue.waiting === 2);
  const refused = await operation.sql();
  assert.equal(refused.status, 429);
  assert.deepEqual(errorOf(refused.body).details, { position: 3, queue_length: 2, retry_after_ms: 1_500 });
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.match(await operation.metrics.metrics(), /hybridstore_queries_rejected_total 1/);
  assert.match(await operation.metrics.metrics(), /hybridstore_queries_waiting\{tenant="default\/acme"\} 2/);
  await operation.clock.advance(40);
  release.shift()?.();
  const waited = (await first).body as QueryResponse;
  assert.equal(waited.stats.queue_ms, 0);
  await operation.until(() => release.length === 1);
  release.shift()?.();
  assert.equal(((await second).body as QueryResponse).stats.queue_ms, 40);
  await operation.until(() => release.length === 1);
  release.shift()?.();
  assert.equal((await third).status, 200);
});

test('a deadline also runs while a query waits for its place', async () => {
  await using operation = await TestOperation.start({
    admission: { runningMax: 1, runningPerTenantMax: 1, waitingMax: 2, waitingPerTenantMax: 2 },
  });
  operation.services.execute = () => new Promise(() => {});
  const blocking = new AbortController();
  const first = operation.fetch('POST', '/query/sql', { body: { query: 'select 1' }, signal: blocking.signal });
  await operation.until(() => operation.services.count('execute') === 1);
  const second = operation.sql({ timeout_seconds: 1 });
  await operation.until(() => operation.app.queue.waiting === 1);
  await operation.clock.advance(1_000);
  assert.equal((await second).status, 504);
  assert.equal(operation.app.queue.waiting, 0);
  blocking.abort();
  await assert.rejects(first);
});

test('queries are listed to their owner and to administrators, and stopped by them only', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = () => new Promise(() => {});
  const { issuer } = operation;
  const ann = issuer.sign('auth-gateway', reader('user:ann'));
  const bob = issuer.sign('auth-gateway', reader('user:bob'));
  const answer = operation.sql({}, { token: ann });
  await operation.until(() => operation.services.count('execute') === 1);
  await operation.clock.advance(250);
  const listed = queriesOf((await operation.call('GET', '/queries', { token: ann })).body);
  const queryId = operation.services.lastExecution().query_id;
  assert.deepEqual(listed, [
    {
      query_id: queryId,
      tenant_id: acme,
      subject: 'user:ann',
      state: 'running',
      query: 'select count(*) as n from events',
      started_at: '2023-11-14T22:13:20.000Z',
      elapsed_ms: 250,
      deadline_ms: 60_000,
    },
  ]);
  const idsOf = async (token: string) =>
    queriesOf((await operation.call('GET', '/queries', { token })).body).map((query) => query.query_id);
  const foreign = operation.token(undefined, 'default/other');
  assert.deepEqual([await idsOf(bob), await idsOf(foreign), await idsOf(operation.token())], [[], [], [queryId]]);
  const stop = async (token: string, id = queryId) =>
    (await operation.call('DELETE', `/queries/${id}`, { token })).status;
  assert.deepEqual([await stop(bob), await stop(foreign), await stop(ann, 'q-1')], [403, 404, 400]);
  assert.equal(await stop(operation.token()), 200);
  const { status, body } = await answer;
  assert.deepEqual([status, errorOf(body).code, errorOf(body).details['query_id']], [410, 'gone', queryId]);
  await operation.until(() => operation.services.cancelled.length === 1);
  assert.equal(await stop(ann), 404);
});

test('bodies, callers and permissions that do not fit are refused before anything is asked', async () => {
  await using operation = await TestOperation.start();
  const field = async (path: string, body: unknown) => {
    const answer = await operation.call('POST', path, { body });
    return [answer.status, errorOf(answer.body).details['field']];
  };
  assert.deepEqual(await field('/query/sql', { query: '' }), [400, 'query']);
  assert.deepEqual(await field('/query/sql', { query: 'select 1', dialect: 'klingon' }), [400, 'dialect']);
  assert.deepEqual(await field('/query/sql', { query: 'select 1', surprise: 1 }), [400, 'surprise']);
  assert.deepEqual(await field('/query/sql', { query: 'select 1', timeout_seconds: 0 }), [400, 'timeout_seconds']);
  assert.deepEqual(await field('/query/sql', {}), [400, 'query']);
  assert.equal((await operation.call('POST', '/query/dsl', { body: { query: 'select 1' } })).status, 400);
  assert.equal((await operation.sql({}, { token: operation.token([]) })).status, 403);
  assert.equal(
    (await operation.sql({}, { token: operation.token([{ sources: ['*'], actions: ['write'] }]) })).status,
    403,
  );
  assert.equal((await operation.sql({}, { token: operation.issuer.serviceToken('monitoring') })).status, 403);
  const mixed = operation.issuer.sign('monitoring', {
    sub: 'service:monitoring',
    tenant: acme,
    permissions: [{ sources: ['*'], actions: ['read', 'write', 'manage', 'admin'] }],
  });
  assert.equal((await operation.sql({}, { token: mixed })).status, 401);
  assert.equal((await operation.call('GET', '/queries', { token: mixed })).status, 401);
  assert.equal((await operation.sql({}, { token: 'nonsense' })).status, 401);
  const noTenant = operation.issuer.sign('auth-gateway', {
    sub: 'user:nobody',
    permissions: [{ sources: ['*'], actions: ['read'] }],
  });
  assert.equal((await operation.sql({}, { token: noTenant })).status, 403);
  assert.deepEqual(operation.services.asked, []);
});

test('JSON answers whoever asks for no other form by name', async () => {
  await using operation = await TestOperation.start();
  for (const accept of ['*/*', 'text/html', 'application/json, application/x-ndjson', 'application/x-ndjsonx']) {
    await operation.sql({}, { headers: { accept } });
    assert.equal(operation.services.lastExecution().format, 'rows_json', accept);
  }
  await operation.sql({}, { headers: { accept: 'application/X-NDJSON;q=1, application/json;q=0.5' } });
  assert.equal(operation.services.lastExecution().format, 'rows_ndjson');
  await operation.sql({}, { headers: { accept: 'text/html, TEXT/CSV; header=absent, application/json' } });
  assert.equal(operation.services.lastExecution().format, 'rows_csv');
});

test('queries still running when the service has to go are ended in time', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = () => new Promise(() => {});
  const answer = operation.sql();
  await operation.until(() => operation.services.count('execute') === 1);
  const closing = operation.app.server.app.close();
  await operation.until(() => operation.clock.pending >= 2);
  await operation.clock.advance(15_000);
  assert.equal((await answer).status, 503);
  operation.app.server.app.server.closeAllConnections();
  await closing;
});
