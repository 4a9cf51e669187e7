import { systemClock } from '@hybridstore/runtime';
import { ApiServerKube } from './api-server-kube.ts';
import { loadKubeConfig } from './credentials.ts';

/** A client of the API server that a kubeconfig file names (KUBECONFIG, the home folder or the pod's own account without one). */
export function connectKube(options: { readonly kubeconfig?: string } = {}): ApiServerKube {
  return new ApiServerKube({ config: loadKubeConfig(options.kubeconfig), clock: systemClock, random: Math.random });
}
