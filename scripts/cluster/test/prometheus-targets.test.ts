import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listTargets } from '../prometheus-targets.ts';

function pod(annotations: Record<string, string>, status = { phase: 'Running', podIP: '10.211.1.9' }) {
  const labels = { 'app.kubernetes.io/name': 'tenant-node' };
  return {
    metadata: { name: 'hs-acme-0', namespace: 'default', labels, annotations },
    spec: { nodeName: 'node-1' },
    status,
  };
}

const scraped = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8000' };

test('an annotated pod is scraped at its port, with its place and labels on every sample', () => {
  assert.deepEqual(listTargets([pod(scraped)]), [
    {
      targets: ['10.211.1.9:8000'],
      labels: {
        app_kubernetes_io_name: 'tenant-node',
        namespace: 'default',
        pod: 'hs-acme-0',
        node: 'node-1',
        __metrics_path__: '/metrics',
      },
    },
  ]);
});

test('a pod may name another path', () => {
  const [group] = listTargets([pod({ ...scraped, 'prometheus.io/path': '/stats' })]);
  assert.equal(group?.labels.__metrics_path__, '/stats');
});

test('a pod without the annotation, without a port or not running is left out', () => {
  const pods = [
    pod({}),
    pod({ 'prometheus.io/scrape': 'false', 'prometheus.io/port': '1' }),
    pod({ 'prometheus.io/scrape': 'true' }),
    pod(scraped, { phase: 'Pending', podIP: '10.211.1.9' }),
  ];
  assert.deepEqual(listTargets(pods), []);
});
