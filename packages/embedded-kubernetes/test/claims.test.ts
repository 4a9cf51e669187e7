import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { EmbeddedApiServer } from '../src/api/api-server.ts';

const key = { namespace: 'default', name: 'log' };
const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: key };

async function startWith(status: { readonly phase: string; readonly capacity?: { readonly storage: string } }) {
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } };
  await api.create(persistentVolumeClaims, { ...claim, spec });
  await api.patchStatus(persistentVolumeClaims, { ...claim, status }, { force: true });
  return {
    api,
    ask: async (storage: string) => {
      const patch = { spec: { resources: { requests: { storage } } } };
      return (await api.mergePatch(persistentVolumeClaims, key, patch)).spec?.resources?.requests?.storage;
    },
  };
}

const isRefusedWith = (words: RegExp) => (error: unknown) =>
  isHybridStoreError(error, 'invalid_request') && words.test(error.message);

describe('a claim', () => {
  it('may not be asked to grow before it is bound', async () => {
    const { ask } = await startWith({ phase: 'Pending' });
    await assert.rejects(ask('20Gi'), isRefusedWith(/spec is immutable after creation except resources\.requests/));
  });

  it('that is bound grows, and a growth is taken back while the volume has not followed', async () => {
    const { ask } = await startWith({ phase: 'Bound', capacity: { storage: '10Gi' } });
    assert.deepEqual([await ask('20Gi'), await ask('15Gi'), await ask('11Gi')], ['20Gi', '15Gi', '11Gi']);
    for (const storage of ['10Gi', '9Gi']) await assert.rejects(ask(storage), isRefusedWith(/can not be less than/));
  });

  it('keeps its class and its access modes', async () => {
    const { api } = await startWith({ phase: 'Bound', capacity: { storage: '10Gi' } });
    for (const spec of [{ storageClassName: 'fast' }, { accessModes: ['ReadWriteMany'] }])
      await assert.rejects(api.mergePatch(persistentVolumeClaims, key, { spec }), isRefusedWith(/spec is immutable/));
  });
});
