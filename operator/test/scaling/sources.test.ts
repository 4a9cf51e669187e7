import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { HybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { sumMetrics } from '../../src/scaling/exposition.ts';
import type { SampleRequest } from '../../src/scaling/ports.ts';
import { buildQueries, PrometheusSource, readVector } from '../../src/scaling/prometheus-source.ts';
import { buildSample, ScrapeSource } from '../../src/scaling/scrape-source.ts';

const request: SampleRequest = {
  namespace: 'default',
  tenantName: 'acme',
  nodes: [
    { pod: 'hs-acme-0', url: 'http://zero' },
    { pod: 'hs-acme-1', url: 'http://one' },
  ],
  cpuRequestCores: 0.5,
  memoryLimitBytes: 1_000,
  intervalMs: 15_000,
};

type Answers = (url: string, query: string) => string;

function fakeClient(answers: Answers) {
  return {
    stream: async (url: string, _endpoint: unknown, ...rest: readonly unknown[]) => {
      // What the samples are asked for with.
      const [options] = rest as [{ readonly query?: Readonly<Record<string, string>> }?];
      return {
        status: 200,
        headers: {},
        trailers: {},
        body: Readable.from([Buffer.from(answers(url, options?.query?.['query'] ?? ''))]),
      };
    },
  };
}

const away = () => {
  throw new HybridStoreError('unavailable', 'it cannot be reached');
};

describe('the Prometheus text format', () => {
  it('is summed over series, with labels, timestamps and comments', () => {
    const text = '# HELP a A.\n# TYPE a counter\na{x="1",y="} 5"} 2\na{x="2"} 3.5 1700000000000\nb 7\nc NaN\n';
    const sums = sumMetrics(text, new Set(['a', 'c', 'd']));
    assert.deepEqual(
      [...sums],
      [
        ['a', 5.5],
        ['c', Number.NaN],
      ],
    );
  });

  it('does not trip over what is not of it', () => {
    assert.deepEqual([...sumMetrics('<html>no metrics</html>\na\n{}\n', new Set(['a']))], []);
  });
});

describe('scraping nodes', () => {
  it('gives a rate from the second reading on', async () => {
    const clock = new FakeClock();
    let cpu = 10;
    const metrics = () =>
      `hybridstore_node_cpu_seconds_total ${cpu}\nhybridstore_node_memory_bytes 250\nhybridstore_query_wait_seconds_sum ${cpu}\nhybridstore_query_wait_seconds_count ${cpu * 2}\n`;
    const source = new ScrapeSource(fakeClient(metrics), clock);
    const first = await source.sample(request);
    assert.deepEqual(first.kind === 'measured' && first.nodes[0]?.cpuPercent, undefined);
    await clock.advance(10_000);
    cpu = 12.5;
    const second = await source.sample(request);
    assert.deepEqual(second.kind === 'measured' && second.nodes[0], {
      pod: 'hs-acme-0',
      sampledAtMs: clock.monotonicMs(),
      cpuPercent: 50,
      memoryPercent: 25,
      queueWaitMs: 500,
    });
  });

  it('leaves a node out that does not answer', async () => {
    const source = new ScrapeSource(
      fakeClient((url) => (url === 'http://one' ? away() : 'hybridstore_node_memory_bytes 1\n')),
      new FakeClock(),
    );
    const samples = await source.sample(request);
    assert.deepEqual(samples.kind === 'measured' && samples.nodes.map((node) => node.pod), ['hs-acme-0']);
  });

  it('is unavailable when no node answers', async () => {
    assert.equal((await new ScrapeSource(fakeClient(away), new FakeClock()).sample(request)).kind, 'unavailable');
  });

  it('trusts no counter that went back', () => {
    const reading = { atMs: 0, cpuSeconds: 100, memoryBytes: 1, queueWaitSeconds: 5, queueWaits: 5 };
    const restarted = { atMs: 10_000, cpuSeconds: 1, memoryBytes: 1, queueWaitSeconds: 0, queueWaits: 0 };
    assert.deepEqual(buildSample('p', reading, restarted, request), {
      pod: 'p',
      sampledAtMs: 10_000,
      memoryPercent: 0.1,
    });
  });

  it('counts no wait where nobody waited', () => {
    const reading = { atMs: 0, cpuSeconds: 1, memoryBytes: 1, queueWaitSeconds: 5, queueWaits: 5 };
    assert.equal(buildSample('p', reading, { ...reading, atMs: 1_000 }, request).queueWaitMs, 0);
  });
});

describe('asking Prometheus', () => {
  const labels = { namespace: 'namespace', pod: 'pod' };
  const vector = (values: Readonly<Record<string, number | string>>) =>
    JSON.stringify({
      status: 'success',
      data: {
        resultType: 'vector',
        result: Object.entries(values).map(([pod, value]) => ({ metric: { pod }, value: [0, String(value)] })),
      },
    });

  it('asks for the pods of the tenant only, by rate over four intervals', () => {
    const { cpuCores } = buildQueries(request, labels);
    assert.equal(
      cpuCores,
      'sum by (pod) (rate(hybridstore_node_cpu_seconds_total{namespace="default",pod=~"hs-acme-[0-9]+"}[60s]))',
    );
  });

  it('gives percent of the request, aged by the newest scrape', async () => {
    const clock = new FakeClock();
    const scrapedAt = clock.now() / 1_000 - 20;
    const client = fakeClient((_url, query) => {
      if (query.includes('timestamp(')) return vector({ 'hs-acme-0': scrapedAt, 'hs-acme-1': scrapedAt });
      if (query.includes('cpu')) return vector({ 'hs-acme-0': 0.25, 'hs-acme-1': 'NaN' });
      return vector({ 'hs-acme-0': 0.5 });
    });
    const source = new PrometheusSource({ url: 'http://prometheus', client, clock, labels });
    const samples = await source.sample(request);
    assert.deepEqual(samples.kind === 'measured' && samples.nodes[0], {
      pod: 'hs-acme-0',
      sampledAtMs: clock.monotonicMs() - 20_000,
      cpuPercent: 50,
      memoryPercent: 0.05,
      queueWaitMs: 500,
    });
    assert.equal(samples.kind === 'measured' && Number.isNaN(samples.nodes[1]?.cpuPercent), true);
  });

  it('is unavailable when it is away, refuses, or answers something else', async () => {
    for (const answer of [
      away,
      () => '<html>',
      () => '{"status":"error","error":"bad query"}',
      () => '{"status":"success","data":{"resultType":"matrix"}}',
    ]) {
      const source = new PrometheusSource({
        url: 'http://prometheus',
        client: fakeClient(answer),
        clock: new FakeClock(),
        labels,
      });
      assert.equal((await source.sample(request)).kind, 'unavailable');
    }
  });

  it('reads pods by the label that relabelling gives them', () => {
    const text = JSON.stringify({
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          { metric: { kubernetes_pod_name: 'a' }, value: [0, '1'] },
          { metric: {}, value: [0, '2'] },
        ],
      },
    });
    assert.deepEqual([...readVector(text, 'kubernetes_pod_name')], [['a', 1]]);
  });
});
