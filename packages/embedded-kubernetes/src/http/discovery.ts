import { events, parseApiVersion, pods } from '@hybridstore/controller-runtime';
import type { Kind } from '../api/kind.ts';
import { reviewGroup, reviewKinds } from './access-review.ts';
import { coreEventVerbs } from './core-events.ts';
import { metricsGroup } from './pod-metrics.ts';

/**
 * What kubectl asks before anything else: which groups, versions and kinds there are.
 *
 * What a real control plane of this version answers, marked as ours.
 */
export const serverVersion = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0-embedded',
  platform: `${process.platform}/${process.arch}`,
};

/** The document of a discovery path; undefined for other paths. */
export function readDiscovery(path: string, kinds: readonly Kind[], hasMetrics: boolean): object | undefined {
  if (path === '/version') return serverVersion;
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: listGroups(kinds, hasMetrics) };
  const version = /^\/(?:api|apis)\/(.+)$/.exec(path)?.[1];
  if (version === undefined) return undefined;
  const group = listGroups(kinds, hasMetrics).find(({ name }) => name === version);
  if (group !== undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...group };
  const resources = [
    ...kinds.filter((kind) => kind.resource.apiVersion === version).flatMap(describeKind),
    ...(version === 'v1' ? [describeCoreEvents()] : []),
    ...(version === reviewGroup ? describeReviews() : []),
    ...(version === metricsGroup && hasMetrics ? [describePodMetrics()] : []),
  ];
  if (resources.length === 0) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version, resources };
}

function describeCoreEvents(): object {
  const { plural: name, namespaced, kind } = events;
  return { name, singularName: 'event', namespaced, kind, verbs: coreEventVerbs, shortNames: ['ev'] };
}

function describePodMetrics(): object {
  const { plural: name, namespaced } = pods;
  return { name, singularName: '', namespaced, kind: 'PodMetrics', verbs: ['get', 'list'] };
}

function describeReviews(): object[] {
  return reviewKinds.map(({ plural: name, kind }) => ({
    name,
    singularName: kind.toLowerCase(),
    namespaced: false,
    kind,
    verbs: ['create'],
  }));
}

function listGroups(kinds: readonly Kind[], hasMetrics: boolean) {
  const others = [reviewGroup, ...(hasMetrics ? [metricsGroup] : [])];
  const versions = [...new Set([...kinds.map((kind) => kind.resource.apiVersion), ...others])].filter((version) =>
    version.includes('/'),
  );
  const groups = Map.groupBy(versions, (version) => parseApiVersion(version).group);
  return [...groups].map(([name, list]) => {
    const entries = list.map((groupVersion) => ({ groupVersion, version: parseApiVersion(groupVersion).version }));
    return { name, versions: entries, preferredVersion: entries[0] };
  });
}

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

function describeKind(kind: Kind): object[] {
  const { resource, singular, shortNames, categories } = kind;
  const { plural: name, namespaced } = resource;
  const sub = (subresource: string, kindName: string) => ({
    name: `${name}/${subresource}`,
    singularName: '',
    namespaced,
    kind: kindName,
    verbs: ['get', 'patch', 'update'],
  });
  return [
    { name, singularName: singular, namespaced, kind: resource.kind, verbs, shortNames, categories },
    ...(kind.hasStatus ? [sub('status', resource.kind)] : []),
    ...(kind.scale === undefined ? [] : [{ ...sub('scale', 'Scale'), group: 'autoscaling', version: 'v1' }]),
    ...(name === 'pods' ? [{ ...sub('log', 'Pod'), verbs: ['get'] }] : []),
  ];
}
