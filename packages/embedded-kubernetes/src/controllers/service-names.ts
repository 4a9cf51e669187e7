import type { Pod, Service, Stored } from '@hybridstore/controller-runtime';
import { isLeaving, isReady } from './pod-state.ts';

export type ServiceNames = Readonly<Record<string, readonly string[]>>;

/** What cluster DNS would answer: each Service's ready pods, and for a headless one each pod by its own name. Sorted, so that equal states give equal files. */
export function buildServiceNames(services: readonly Stored<Service>[], pods: readonly Stored<Pod>[]): ServiceNames {
  const entries = services.flatMap((service) => {
    const namespace = service.metadata.namespace ?? 'default';
    const behind = podsBehind(service, pods);
    const own = behind.filter((pod) => pod.spec.hostname !== undefined && pod.spec.subdomain === service.metadata.name);
    return [
      ...namesOf(`${service.metadata.name}.${namespace}`, behind.map(addressOf)),
      ...own.flatMap((pod) => namesOf(`${pod.spec.hostname}.${service.metadata.name}.${namespace}`, [addressOf(pod)])),
    ];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)));
}

/** Pods that a Service sends connections to. */
export function podsBehind(service: Stored<Service>, pods: readonly Stored<Pod>[]): Stored<Pod>[] {
  const selector = Object.entries(service.spec?.selector ?? {});
  if (selector.length === 0) return [];
  return pods
    .filter((pod) => pod.metadata.namespace === service.metadata.namespace && addressOf(pod) !== '')
    .filter((pod) => selector.every(([key, value]) => pod.metadata.labels?.[key] === value))
    .filter((pod) => (service.spec?.publishNotReadyAddresses ? !isLeaving(pod) : isReady(pod)))
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
}

function addressOf(pod: Pod): string {
  return pod.status?.podIP ?? '';
}

function namesOf(base: string, addresses: readonly string[]): [string, readonly string[]][] {
  return [`${base}.svc`, `${base}.svc.cluster.local`, base].map((name) => [name, addresses]);
}
