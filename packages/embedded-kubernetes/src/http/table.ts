import { type KubeObject, readJsonPath } from '@hybridstore/controller-runtime';
import type { Kind } from '../api/kind.ts';

type Column = {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
};

const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const builtInColumns: Readonly<Record<string, readonly Column[]>> = {
  pods: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Restarts', type: 'integer', jsonPath: '.status.containerStatuses[0].restartCount' },
    { name: 'IP', type: 'string', jsonPath: '.status.podIP', priority: 1 },
  ],
  statefulsets: [
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
  ],
  deployments: [
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedReplicas' },
  ],
  services: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Cluster-IP', type: 'string', jsonPath: '.spec.clusterIP' },
  ],
  persistentvolumeclaims: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Capacity', type: 'string', jsonPath: '.status.capacity.storage' },
  ],
  namespaces: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }],
  events: [
    { name: 'Type', type: 'string', jsonPath: '.type' },
    { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Object', type: 'string', jsonPath: '.regarding.name' },
    { name: 'Message', type: 'string', jsonPath: '.note' },
  ],
};

/**
 * Lists as kubectl prints them. Columns come from the CRD, or from the short table below for the built-in kinds.
 *
 * `metav1.Table` of objects of one kind.
 */
export function buildTable(kind: Kind, objects: readonly KubeObject[], metadata: object, nowMs: number): object {
  const columns = [...(kind.isCustom ? kind.printerColumns : (builtInColumns[kind.resource.plural] ?? []))];
  if (!columns.some((column) => column.name === 'Age')) columns.push(age);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      ...columns.map(describeColumn),
    ],
    rows: objects.map((object) => ({
      cells: [object.metadata.name ?? '', ...columns.map((column) => readCell(object, column, nowMs))],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  };
}

/** The server prints dates as ages, so the client gets text. */
function describeColumn({ name, type, priority = 0 }: Column): object {
  return { name, type: type === 'date' ? 'string' : type, format: '', description: '', priority };
}

function readCell(object: KubeObject, { type, jsonPath }: Column, nowMs: number): unknown {
  const value = readJsonPath(object, jsonPath);
  if (value === undefined || value === null) return type === 'date' ? '<unknown>' : null;
  return type === 'date' ? formatAge(nowMs - Date.parse(String(value))) : value;
}

function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
