import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ClusterLayout } from './layout.ts';
import { userRole } from './service-objects.ts';

/**
 * Persistent volumes made beforehand: `local` ones, because fsGroup does not apply to hostPath ones. Three classes:
 *
 * - `local-rwo`: ReadWriteOnce, each on one node like a disk in it; a pod that uses it cannot move.
 * - `network-rwo`: ReadWriteOnce, reachable from both nodes like a cloud's disk; its pod can move when a node is drained.
 * - `shared-rwx`: ReadWriteMany, the same folder on both nodes (they are one machine).
 *
 * A claim that is deleted leaves its volume Released; the recycler empties the folder and makes it Available again.
 */
export const rwoClass = 'local-rwo';
export const networkClass = 'network-rwo';
export const rwxClass = 'shared-rwx';
/** Claims may ask for up to this; nothing holds a volume to its size. */
const volumeCapacity = '20Gi';
/** Pods of any user write here even without fsGroup. */
const folderMode = 0o777;

export type VolumeCounts = {
  /** Of `local-rwo` in all, spread evenly over the nodes. */
  readonly rwo: number;
  /** Of `network-rwo`. */
  readonly net: number;
  /** Of `shared-rwx`. */
  readonly rwx: number;
};

export const defaultVolumeCounts: VolumeCounts = { rwo: 24, net: 64, rwx: 32 };
const volumesMax = 500;

export type VolumePlan = {
  readonly name: string;
  readonly className: string;
  readonly accessModes: readonly string[];
  readonly nodes: readonly string[];
};

/** Which volumes there are, by name. */
export function planVolumes(layout: ClusterLayout, counts: VolumeCounts): VolumePlan[] {
  for (const count of [counts.rwo, counts.net, counts.rwx]) {
    if (!Number.isInteger(count) || count < 0 || count > volumesMax) {
      throw new Error(`expected 0 to ${volumesMax} volumes of a class, found ${count}`);
    }
  }
  const nodes = layout.nodes.map((node) => node.name);
  const number = (index: number) => String(index + 1).padStart(2, '0');
  const once = ['ReadWriteOnce'];
  const make = (count: number, plan: (index: number) => VolumePlan) => Array.from({ length: count }, (_, i) => plan(i));
  const rwo = make(counts.rwo, (index) => {
    const node = nodes[index % nodes.length]!; // The remainder of a division by the length is an index.
    return { name: `rwo-${number(index)}`, className: rwoClass, accessModes: once, nodes: [node] };
  });
  const net = make(counts.net, (index) => {
    return { name: `net-${number(index)}`, className: networkClass, accessModes: once, nodes };
  });
  const rwx = make(counts.rwx, (index) => {
    return { name: `rwx-${number(index)}`, className: rwxClass, accessModes: ['ReadWriteMany', ...once], nodes };
  });
  return [...rwo, ...net, ...rwx];
}

/** The storage classes, the volumes, and what the recycler may do. */
export function volumeObjects(layout: ClusterLayout, counts: VolumeCounts): object[] {
  const rules = [{ apiGroups: [''], resources: ['persistentvolumes'], verbs: ['get', 'list', 'watch', 'patch'] }];
  return [
    storageClass(rwoClass, 'WaitForFirstConsumer', false),
    storageClass(networkClass, 'WaitForFirstConsumer', true),
    storageClass(rwxClass, 'Immediate', false),
    ...planVolumes(layout, counts).map((plan) => persistentVolume(plan, volumePath(layout, plan.name))),
    ...userRole('volume-recycler', rules),
  ];
}

/** A class whose volumes are made beforehand. */
export function storageClass(name: string, volumeBindingMode: string, isDefault: boolean): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode,
  };
}

/** A folder that is at `path` on each of the plan's nodes. */
export function persistentVolume(plan: VolumePlan, path: string): object {
  const hostnames = { key: 'kubernetes.io/hostname', operator: 'In', values: plan.nodes };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: plan.name },
    spec: {
      capacity: { storage: volumeCapacity },
      accessModes: plan.accessModes,
      storageClassName: plan.className,
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostnames] }] } },
    },
  };
}

function volumePath(layout: ClusterLayout, name: string): string {
  return join(layout.volumeFolder, name);
}

/** Makes the folders of all volumes, empty. */
export function createVolumeFolders(layout: ClusterLayout, counts: VolumeCounts): void {
  for (const plan of planVolumes(layout, counts)) emptyVolumeFolder(layout, volumePath(layout, plan.name));
}

/** Makes a volume's folder anew. Refuses any path that is not directly in the cluster's volume folder. */
export function emptyVolumeFolder(layout: ClusterLayout, path: string): void {
  const name = relative(layout.volumeFolder, path);
  if (!/^(?:rwo|net|rwx)-\d+$/.test(name))
    throw new Error(`expected a volume below ${layout.volumeFolder}, found ${path}`);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  chmodSync(path, folderMode);
}

/** Files and folders directly in a volume; for tests that look at what a pod wrote. */
export function listVolume(layout: ClusterLayout, name: string): string[] {
  return readdirSync(volumePath(layout, name)).sort();
}
