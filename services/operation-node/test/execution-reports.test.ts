import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ExecutionReport, executionReportsMax } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { HttpExecutionReporter, reportEveryMs } from '../src/clients/http-execution-reporter.ts';

const execution = (index: number): ExecutionReport => ({
  tenant_id: 'default/acme',
  query_id: `q-${index}`,
  shape: 'shape',
  predicted_ms: 1,
  execute_ms: 1,
  rows_out: 1,
  bytes_read: 1,
  outcome: 'done',
});

function createWorld() {
  const clock = new FakeClock();
  const sent: ExecutionReport[][] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const client = {
    call: async (_url: string, _endpoint: unknown, { body }: { body: { executions: ExecutionReport[] } }) => {
      sent.push(body.executions);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      await answer.promise;
    },
  } as unknown as HttpClient;
  const identity = { token: () => 'token' } as unknown as ServiceIdentity;
  const reporter = new HttpExecutionReporter({ client, identity, clock, logger: silentLogger, url: 'http://cbo' });
  return { clock, sent, answers, reporter };
}

test('executions of a second are reported together, and the next ones once that is answered', async () => {
  const { clock, sent, answers, reporter } = createWorld();
  for (let index = 0; index < 3; index += 1) reporter.report(execution(index));
  assert.equal(sent.length, 0);
  await clock.advance(reportEveryMs);
  assert.deepEqual(
    sent.map((one) => one.map(({ query_id: id }) => id)),
    [['q-0', 'q-1', 'q-2']],
  );
  reporter.report(execution(3));
  await clock.advance(10 * reportEveryMs);
  assert.equal(sent.length, 1);
  answers[0]?.reject(new HybridStoreError('unavailable', 'away'));
  await clock.advance(reportEveryMs);
  assert.deepEqual(
    sent[1]?.map(({ query_id: id }) => id),
    ['q-3'],
  );
});

test('beyond a bound they are dropped', async () => {
  const { clock, sent, reporter } = createWorld();
  for (let index = 0; index < executionReportsMax + 5; index += 1) reporter.report(execution(index));
  await clock.advance(reportEveryMs);
  assert.deepEqual(
    sent.map(({ length }) => length),
    [executionReportsMax],
  );
});
