import assert from 'node:assert/strict';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  type ErrorBody,
  type LinesEnd,
  type LogicalPlan,
  linesEndTrailer,
  type PlanExpression,
} from '@hybridstore/contracts';
import { cast, choose, compare, finishPlan, integer, text } from '@hybridstore/plan';
import { systemClock } from '@hybridstore/runtime';
import { tableFromIPC } from 'apache-arrow';
import { endOfStream } from '../../src/execute/child/arrow-messages.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

let queries = 0;

describe('results over HTTP', () => {
  let node: NodeUnderTest;
  let port: number;

  before(async () => {
    node = await createNodeUnderTest({ concurrentMax: 2, waitingMax: 1 });
    await node.server.app.listen({ host: '127.0.0.1', port: 0 });
    // A listening TCP server has an address of this form.
    port = (node.server.app.server.address() as AddressInfo).port;
  });
  after(() => node.close());

  function send(
    plan: LogicalPlan,
    format = 'rows_ndjson',
  ): { readonly sent: ClientRequest; readonly answer: Promise<IncomingMessage> } {
    const body = JSON.stringify({
      query_id: `q-${String(++queries).padStart(32, '0')}`,
      plan,
      consistency: 'strict',
      format,
      deadline_ms: 20_000,
    });
    const sent = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/internal/execute',
      headers: { authorization: `Bearer ${node.issuer.userToken(tenant)}`, 'content-type': 'application/json' },
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve);
      sent.once('error', reject);
    });
    sent.end(body);
    return { sent, answer };
  }

  async function becomesIdle(): Promise<void> {
    while (node.queries.running > 0 || node.executor.running > 0) await systemClock.sleep(5);
  }

  it('wait for a reader that does not read, and stop when it leaves', async () => {
    const { answer } = send(series(200_000_000, { kind: 'column', relation: 'r', name: 'i' }));
    const reader = await answer;
    assert.equal(reader.statusCode, 200);
    reader.pause();
    await systemClock.sleep(300);
    assert.equal(node.queries.running, 1, 'hundreds of millions of rows wait for their reader');
    reader.destroy();
    await becomesIdle();
  });

  it('of a query whose caller left before the first row are not computed to the end', async () => {
    const { sent, answer } = send(
      series(1_000_000_000_000, { kind: 'call', function: 'count', arguments: [] }),
      'rows_json',
    );
    answer.catch(() => {});
    while (node.executor.running === 0) await systemClock.sleep(5);
    sent.destroy();
    await becomesIdle();
  });

  it('arrive whole however long they are', async () => {
    const { answer } = send(series(300_000, { kind: 'column', relation: 'r', name: 'i' }));
    let [lines, last] = [0, ''];
    for await (const chunk of (await answer).setEncoding('utf8')) {
      const parts = (last + String(chunk)).split('\n');
      last = parts.pop() ?? '';
      lines += parts.length;
    }
    assert.deepEqual([lines, last], [300_000, '']);
  });

  it('say behind their lines how many they are, and what they failed for', async () => {
    const value: PlanExpression = { kind: 'column', relation: 'r', name: 'i' };
    const whole = await (await send(series(3, value))).answer;
    assert.equal(await readText(whole), '{"v":0}\n{"v":1}\n{"v":2}\n');
    const end = JSON.parse(whole.trailers[linesEndTrailer] ?? '') as LinesEnd;
    assert.deepEqual([end.rows, end.bytes_read, end.error, end.execute_ms > 0], [3, 0, undefined, true]);
    // Late enough for rows to be out before it.
    const failing = cast(choose(compare('lt', value, integer(900_000)), text('1'), text('x')), 'bigint');
    const broken = await (await send(series(1_000_000, failing))).answer;
    const lines = (await readText(broken)).trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as ErrorBody;
    const { rows, error } = JSON.parse(broken.trailers[linesEndTrailer] ?? '') as LinesEnd;
    assert.deepEqual([rows, error], [lines.length - 1, last.error.code]);
    assert.equal(error, 'invalid_request');
  });

  it('come as CSV and as Arrow, with rows and without, and are counted behind them', async () => {
    const value: PlanExpression = { kind: 'column', relation: 'r', name: 'i' };
    for (const rows of [0, 3, 300_000]) {
      const csv: IncomingMessage = await (await send(series(rows, value), 'rows_csv')).answer;
      assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8; header=present');
      const lines = (await readText(csv)).split('\r\n');
      assert.deepEqual([lines[0], lines.length, lines.at(-1)], ['v', rows + 2, '']);
      const arrow: IncomingMessage = await (await send(series(rows, value), 'rows_arrow')).answer;
      assert.equal(arrow.headers['content-type'], 'application/vnd.apache.arrow.stream');
      const table = tableFromIPC(Buffer.concat(await Array.fromAsync(arrow as AsyncIterable<Buffer>)));
      assert.deepEqual([table.numRows, String(table.schema.fields[0]?.type)], [rows, 'Int64']);
      const column = table.getChild('v')?.toArray() ?? new BigInt64Array();
      assert.ok(column.every((one: bigint, index: number) => one === BigInt(index)));
      for (const { trailers } of [csv, arrow]) {
        const end = JSON.parse(trailers[linesEndTrailer] ?? '') as LinesEnd;
        assert.deepEqual([end.rows, end.error], [rows, undefined]);
      }
    }
  });

  it('end early as CSV and as Arrow where they fail, which is said behind them', async () => {
    const value: PlanExpression = { kind: 'column', relation: 'r', name: 'i' };
    const failing = cast(choose(compare('lt', value, integer(900_000)), text('1'), text('x')), 'bigint');
    for (const format of ['rows_csv', 'rows_arrow']) {
      const answer = await (await send(series(1_000_000, failing), format)).answer;
      const bytes = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>));
      const end = JSON.parse(answer.trailers[linesEndTrailer] ?? '') as LinesEnd;
      assert.equal(end.error, 'invalid_request');
      assert.ok(end.rows > 0 && end.rows < 1_000_000, `${end.rows}`);
      if (format === 'rows_arrow') assert.notDeepEqual(bytes.subarray(-8), endOfStream);
    }
    // What fails before its first row has its status.
    const first = cast(choose(compare('lt', value, integer(0)), text('1'), text('x')), 'bigint');
    for (const format of ['rows_csv', 'rows_arrow']) {
      const answer = await (await send(series(10, first), format)).answer;
      assert.equal(answer.statusCode, 400);
      answer.resume();
    }
  });

  it('are refused with 429 when too many queries wait', async () => {
    // Each another one: of the same one is run, and the others wait for its answer.
    let asked = 0;
    const slow = () => series(1_000_000_000_000 + ++asked, { kind: 'call', function: 'count', arguments: [] });
    const started = [send(slow()), send(slow())];
    while (node.queries.running < 2) await systemClock.sleep(5);
    const waiting = send(slow());
    while (node.queries.waiting < 1) await systemClock.sleep(5);
    const refused = await send(slow()).answer;
    assert.equal(refused.statusCode, 429);
    assert.match(refused.headers['retry-after'] ?? '', /^[1-9]\d*$/);
    refused.resume();
    for (const { sent, answer } of [...started, waiting]) {
      answer.catch(() => {});
      sent.destroy();
    }
    await becomesIdle();
    assert.equal(node.queries.waiting, 0);
  });
});

async function readText(answer: IncomingMessage): Promise<string> {
  let all = '';
  for await (const part of answer.setEncoding('utf8')) all += String(part);
  return all;
}

function series(rows: number, value: PlanExpression): LogicalPlan {
  return finishPlan({
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: 'v', value }],
      from: { kind: 'series', start: integer(0), stop: integer(rows), inclusive: false, alias: 'r', column: 'i' },
    },
  });
}
