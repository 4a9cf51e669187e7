import type { KubeEvent, KubeObject, ListOptions, Stored } from '@hybridstore/controller-runtime';
import { events } from '@hybridstore/controller-runtime';
import type { ResourcePath } from './request-path.ts';

/**
 * Events under their old name, `v1`: what `kubectl describe` and `kubectl get events` read. They are kept as
 * `events.k8s.io/v1` and shown in the other form; written they are only there.
 * Source: kubernetes pkg/apis/events/v1/conversion.go.
 */
export const coreEventVerbs = ['delete', 'get', 'list', 'watch'] as const;

export function isCoreEvents({ apiVersion, plural }: ResourcePath): boolean {
  return apiVersion === 'v1' && plural === events.plural;
}

/** Where the events of a path are kept. */
export function keptPath(path: ResourcePath): ResourcePath {
  return isCoreEvents(path) ? { ...path, apiVersion: events.apiVersion } : path;
}

const keptNames: readonly (readonly [RegExp, string])[] = [
  [/(^|,)\s*involvedObject\./g, '$1regarding.'],
  [/(^|,)\s*(reportingComponent|source)(?=\s*[!=])/g, '$1reportingController'],
];

/** A selection by the fields of `v1` as one by the fields that are kept. */
export function toKeptSelection({ fieldSelector, ...selection }: ListOptions): ListOptions {
  if (fieldSelector === undefined) return selection;
  return { ...selection, fieldSelector: keptNames.reduce((text, [from, to]) => text.replace(from, to), fieldSelector) };
}

export function toCoreEvent(object: Stored<KubeObject>): Stored<KubeObject> {
  const { regarding, note, reportingController, deprecatedSource, deprecatedCount, ...rest } =
    object as Stored<KubeEvent>; // of the collection of events
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, ...event } = rest;
  const core = {
    ...event,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    message: note ?? '',
    source: deprecatedSource ?? {},
    firstTimestamp: deprecatedFirstTimestamp ?? null,
    lastTimestamp: deprecatedLastTimestamp ?? null,
    ...(deprecatedCount === undefined ? {} : { count: deprecatedCount }),
    reportingComponent: reportingController ?? '',
  };
  return core;
}
