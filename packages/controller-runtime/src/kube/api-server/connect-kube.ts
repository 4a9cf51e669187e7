import { systemClock } from '@hybridstore/runtime';
import { ApiServerKube, type ApiServerKubeOptions } from './api-server-kube.ts';
import { loadKubeConfig } from './credentials.ts';

/** A client of the API server that a kubeconfig file names (KUBECONFIG, the home folder or the pod's own account without one). */
export function connectKube(options: ConnectOptions): ApiServerKube {
  const { kubeconfig, ...names } = options;
  return new ApiServerKube({ ...names, config: loadKubeConfig(kubeconfig), clock: systemClock, random: Math.random });
}

export type ConnectOptions = Omit<ApiServerKubeOptions, 'config' | 'clock' | 'random'> & {
  readonly kubeconfig?: string;
};
