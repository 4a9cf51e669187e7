import type { Kube, KubeEvent, KubeObject, Resource, Stored } from '@hybridstore/controller-runtime';
import { events } from '@hybridstore/controller-runtime';

/**
 * Events about one object, the newest first. They are read, never watched: a cluster has more of them than of all else, and
 * only the few of a node that is not ready matter.
 */
export async function readEvents(
  kube: Pick<Kube, 'list'>,
  { kind }: Resource,
  { metadata }: Stored<KubeObject>,
): Promise<readonly Stored<KubeEvent>[]> {
  const { namespace = '', name, uid } = metadata;
  const fieldSelector = `regarding.kind=${kind},regarding.name=${name},regarding.uid=${uid}`;
  const { items } = await kube.list(events, { namespace, fieldSelector, limit: eventsMax });
  return items.toSorted((a, b) => lastSeenMs(b) - lastSeenMs(a) || severity(b) - severity(a));
}

/** Recorders let 25 through for an object and then one each five minutes, and Events live for an hour. */
const eventsMax = 200;

/** Of one second, a warning is the later word: what it warns of is tried again. */
function severity({ type }: KubeEvent): number {
  return type === 'Warning' ? 1 : 0;
}

function lastSeenMs({ series, deprecatedLastTimestamp, eventTime, metadata }: Stored<KubeEvent>): number {
  return Date.parse(
    series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
  );
}
