import { systemClock } from '@hybridstore/runtime';
import { describeKubeContract } from '../../controller-runtime/test/kube/port-contract.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';

describeKubeContract('embedded API server', async () => {
  const kube = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  return { kube, close: async () => {}, compactHistory: () => kube.store.compactHistory() };
});
