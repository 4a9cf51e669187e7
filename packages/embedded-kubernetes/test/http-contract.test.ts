import { ApiServerKube } from '@hybridstore/controller-runtime';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { KubeConfig } from '@kubernetes/client-node';
import { describeKubeContract } from '../../controller-runtime/test/kube/port-contract.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { startHttpFront } from '../src/http/http-server.ts';
import { buildKubeConfig } from '../src/http/kubeconfig.ts';

describeKubeContract('API server client over the embedded HTTP front', async () => {
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  const token = 'contract-test-token';
  const front = await startHttpFront({ api, token, logger: silentLogger });
  const config = new KubeConfig();
  config.loadFromString(
    JSON.stringify(buildKubeConfig({ server: front.url, token, certificate: front.certificate, name: 'test' })),
  );
  const kube = new ApiServerKube({ fieldManager: 'test', config, clock: systemClock, random: Math.random });
  const close = async () => {
    await kube.close();
    await front.close();
  };
  return { kube, close, compactHistory: () => api.store.compactHistory() };
});
