import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { findReadyPod } from '../../src/kube/api-server/port-forward.ts';
import { pods, services } from '../../src/kube/kinds.ts';

const namespace = 'default';
const spec = { containers: [{ name: 'main', image: 'any:1' }] };
const isUnavailable = (error: unknown) => isHybridStoreError(error, 'unavailable');

describe('the pod to which a port is forwarded', () => {
  let kube: EmbeddedApiServer;
  const addService = (selector?: Readonly<Record<string, string>>) =>
    kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'gateway' },
      spec: { ports: [{ port: 80 }], ...(selector === undefined ? {} : { selector }) },
    });
  const addPod = async (name: string, labels: Readonly<Record<string, string>>, status: 'True' | 'False') => {
    const metadata = { namespace, name };
    await kube.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, labels }, spec });
    const conditions = [{ type: 'Ready', status }];
    await kube.patchStatus(pods, { apiVersion: 'v1', kind: 'Pod', metadata, status: { conditions } });
  };

  beforeEach(() => {
    kube = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
  });

  it('is a ready one that wears every label of the Service', async () => {
    await addService({ app: 'gateway', tier: 'edge' });
    await addPod('starting', { app: 'gateway', tier: 'edge' }, 'False');
    await addPod('other', { app: 'gateway' }, 'True');
    await addPod('right', { app: 'gateway', tier: 'edge' }, 'True');
    assert.equal(await findReadyPod(kube, namespace, 'gateway'), 'right');
  });

  it('is missing while none is ready', async () => {
    await addService({ app: 'gateway' });
    await addPod('starting', { app: 'gateway' }, 'False');
    await assert.rejects(findReadyPod(kube, namespace, 'gateway'), isUnavailable);
  });

  it('is never just any pod, when the Service selects none', async () => {
    await addService();
    await addPod('other', { app: 'gateway' }, 'True');
    await assert.rejects(findReadyPod(kube, namespace, 'gateway'), isUnavailable);
  });
});
