import { silentLogger, systemClock } from '@hybridstore/runtime';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiServerKube } from '../../src/kube/api-server/api-server-kube.ts';
import { EmbeddedApiServer } from '../../src/kube/embedded/api/api-server.ts';
import { startHttpFront } from '../../src/kube/embedded/http/http-server.ts';
import { buildKubeConfig } from '../../src/kube/embedded/http/kubeconfig.ts';
import { describeKubeContract } from './port-contract.ts';

describeKubeContract('API server client over the embedded HTTP front', async () => {
  const api = new EmbeddedApiServer({ clock: systemClock });
  const token = 'contract-test-token';
  const front = await startHttpFront({ api, token, logger: silentLogger });
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(buildKubeConfig({ server: front.url, token, certificate: front.certificate })));
  const kube = new ApiServerKube({ config, clock: systemClock, random: Math.random });
  const close = async () => {
    await kube.close();
    await front.close();
  };
  return { kube, close, compactHistory: () => api.store.compactHistory() };
});
