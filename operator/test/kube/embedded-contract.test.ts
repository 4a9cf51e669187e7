import { systemClock } from '@hybridstore/runtime';
import { EmbeddedApiServer } from '../../src/kube/embedded/api/api-server.ts';
import { describeKubeContract } from './port-contract.ts';

describeKubeContract('embedded API server', async () => {
  const kube = new EmbeddedApiServer({ clock: systemClock });
  return { kube, close: async () => {}, compactHistory: () => kube.store.compactHistory() };
});
