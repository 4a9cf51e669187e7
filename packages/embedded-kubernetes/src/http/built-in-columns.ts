import { isJsonObject, type KubeObject, readJsonPath } from '@hybridstore/controller-runtime';

/** One column of a table as kubectl prints it; those of priority 1 only with `-o wide`. */
export type Column = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'number' | 'boolean';
  readonly priority?: number;
  /** Undefined: the object says nothing. A date is given as text in RFC 3339. */
  readonly read: (object: KubeObject) => unknown;
};

export const nameColumn: Column = { name: 'Name', type: 'string', read: ({ metadata }) => metadata.name ?? '' };
export const ageColumn: Column = { name: 'Age', type: 'date', read: ({ metadata }) => metadata.creationTimestamp };

/** A column whose value stands at a path. */
export function columnAt(name: string, type: Column['type'], path: string, priority = 0): Column {
  return { name, type, priority, read: (object) => readJsonPath(object, path) };
}

/** The columns of a built-in kind by its plural. Source: kubernetes pkg/printers/internalversion/printers.go, v1.35. */
export function builtInColumnsOf(plural: string): readonly Column[] {
  return columns[plural] ?? [nameColumn, ageColumn];
}

const none = '<none>';

const columns: Readonly<Record<string, readonly Column[]>> = {
  pods: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      read: (pod) => formatReady(countReady(pod), listAt(pod, '.spec.containers').length),
    },
    { name: 'Status', type: 'string', read: podReason },
    { name: 'Restarts', type: 'string', read: (pod) => String(sumAt(pod, 'restartCount')) },
    ageColumn,
    textColumn('IP', '.status.podIP', 1),
    textColumn('Node', '.spec.nodeName', 1),
    textColumn('Nominated Node', '.status.nominatedNodeName', 1),
    { name: 'Readiness Gates', type: 'string', priority: 1, read: () => none },
  ],
  statefulsets: [nameColumn, replicasColumn('.status.readyReplicas'), ageColumn, ...containerColumns()],
  deployments: [
    nameColumn,
    replicasColumn('.status.readyReplicas'),
    { name: 'Up-to-date', type: 'integer', read: (object) => numberAt(object, '.status.updatedReplicas') },
    { name: 'Available', type: 'integer', read: (object) => numberAt(object, '.status.availableReplicas') },
    ageColumn,
    ...containerColumns(),
    { name: 'Selector', type: 'string', priority: 1, read: (object) => labelsAt(object, '.spec.selector.matchLabels') },
  ],
  services: [
    nameColumn,
    textColumn('Type', '.spec.type'),
    textColumn('Cluster-IP', '.spec.clusterIP'),
    { name: 'External-IP', type: 'string', read: externalAddress },
    { name: 'Port(s)', type: 'string', read: servicePorts },
    ageColumn,
    { name: 'Selector', type: 'string', priority: 1, read: (object) => labelsAt(object, '.spec.selector') },
  ],
  persistentvolumeclaims: [
    nameColumn,
    columnAt('Status', 'string', '.status.phase'),
    columnAt('Volume', 'string', '.spec.volumeName'),
    columnAt('Capacity', 'string', '.status.capacity.storage'),
    { name: 'Access Modes', type: 'string', read: accessModes },
    columnAt('StorageClass', 'string', '.spec.storageClassName'),
    textColumn('VolumeAttributesClass', '.spec.volumeAttributesClassName'),
    ageColumn,
    columnAt('VolumeMode', 'string', '.spec.volumeMode', 1),
  ],
  namespaces: [nameColumn, columnAt('Status', 'string', '.status.phase'), ageColumn],
  configmaps: [
    nameColumn,
    { name: 'Data', type: 'string', read: (object) => countAt(object, '.data') + countAt(object, '.binaryData') },
    ageColumn,
  ],
  secrets: [
    nameColumn,
    columnAt('Type', 'string', '.type'),
    { name: 'Data', type: 'string', read: (object) => countAt(object, '.data') },
    ageColumn,
  ],
  leases: [nameColumn, columnAt('Holder', 'string', '.spec.holderIdentity'), ageColumn],
  poddisruptionbudgets: [
    nameColumn,
    textColumn('Min Available', '.spec.minAvailable', 0, 'N/A'),
    textColumn('Max Unavailable', '.spec.maxUnavailable', 0, 'N/A'),
    { name: 'Allowed Disruptions', type: 'integer', read: (object) => numberAt(object, '.status.disruptionsAllowed') },
    ageColumn,
  ],
  networkpolicies: [
    nameColumn,
    { name: 'Pod-Selector', type: 'string', read: (object) => labelsAt(object, '.spec.podSelector.matchLabels') },
    ageColumn,
  ],
  customresourcedefinitions: createdColumns(),
  roles: createdColumns(),
  clusterroles: createdColumns(),
  limitranges: createdColumns(),
  events: [
    { name: 'Last Seen', type: 'date', read: lastSeen },
    columnAt('Type', 'string', '.type'),
    columnAt('Reason', 'string', '.reason'),
    { name: 'Object', type: 'string', read: eventObject },
    { name: 'Subobject', type: 'string', priority: 1, read: (event) => firstAt(event, '.regarding.fieldPath') ?? '' },
    { name: 'Source', type: 'string', priority: 1, read: eventSource },
    { name: 'Message', type: 'string', read: (event) => String(firstAt(event, '.note') ?? '').trim() },
    { name: 'First Seen', type: 'date', priority: 1, read: firstSeen },
    {
      name: 'Count',
      type: 'integer',
      priority: 1,
      read: (event) => firstAt(event, '.series.count', '.deprecatedCount') ?? 1,
    },
    { ...nameColumn, priority: 1 },
  ],
};

function textColumn(name: string, path: string, priority = 0, otherwise = none): Column {
  return { name, type: 'string', priority, read: (object) => readJsonPath(object, path) ?? otherwise };
}

function replicasColumn(readyPath: string): Column {
  const read = (object: KubeObject) => formatReady(numberAt(object, readyPath), numberAt(object, '.spec.replicas'));
  return { name: 'Ready', type: 'string', read };
}

function containerColumns(): readonly Column[] {
  const read = (field: string) => (object: KubeObject) =>
    listAt(object, '.spec.template.spec.containers')
      .map((container) => container[field])
      .join(',');
  return [
    { name: 'Containers', type: 'string', priority: 1, read: read('name') },
    { name: 'Images', type: 'string', priority: 1, read: read('image') },
  ];
}

function formatReady(ready: number, wanted: number): string {
  return `${ready}/${wanted}`;
}

function countReady(pod: KubeObject): number {
  return listAt(pod, '.status.containerStatuses').filter(({ ready }) => ready === true).length;
}

function sumAt(pod: KubeObject, field: string): number {
  return listAt(pod, '.status.containerStatuses').reduce((sum, container) => sum + Number(container[field] ?? 0), 0);
}

/** What keeps a container from running says more than the phase of its pod. */
function podReason(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const states = listAt(pod, '.status.containerStatuses').map((container) => container['state']);
  const reason = states.map((state) => firstAt(state, '.waiting.reason', '.terminated.reason')).find(isText);
  return String(reason ?? readJsonPath(pod, '.status.phase') ?? 'Unknown');
}

function externalAddress(service: KubeObject): string {
  if (readJsonPath(service, '.spec.type') === 'LoadBalancer') return '<pending>';
  return String(firstAt(service, '.spec.externalName') ?? none);
}

function servicePorts(service: KubeObject): string {
  const ports = listAt(service, '.spec.ports').map(
    ({ port, nodePort, protocol }) => `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol ?? 'TCP'}`,
  );
  return ports.length === 0 ? none : ports.join(',');
}

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** Those of the volume once there is one. */
function accessModes(claim: KubeObject): string {
  const modes = firstAt(claim, '.status.accessModes');
  return Array.isArray(modes) ? modes.map((mode) => shortModes[String(mode)] ?? String(mode)).join(',') : '';
}

function createdColumns(): readonly Column[] {
  return [nameColumn, columnAt('Created At', 'string', '.metadata.creationTimestamp')];
}

function eventSource(event: KubeObject): string {
  const names = ['.reportingController', '.reportingInstance'].map((path) => firstAt(event, path));
  return names.filter(isText).join(', ');
}

function firstSeen(event: KubeObject): unknown {
  return firstAt(event, '.deprecatedFirstTimestamp', '.eventTime', '.metadata.creationTimestamp');
}

function lastSeen(event: KubeObject): unknown {
  return firstAt(
    event,
    '.series.lastObservedTime',
    '.deprecatedLastTimestamp',
    '.eventTime',
    '.metadata.creationTimestamp',
  );
}

function eventObject(event: KubeObject): string {
  const regarding = firstAt(event, '.regarding');
  if (!isJsonObject(regarding)) return '';
  return `${String(regarding['kind'] ?? '').toLowerCase()}/${String(regarding['name'] ?? '')}`;
}

function labelsAt(object: KubeObject, path: string): string {
  const labels = readJsonPath(object, path);
  const texts = isJsonObject(labels) ? Object.entries(labels).map(([key, value]) => `${key}=${value}`) : [];
  return texts.length === 0 ? none : texts.sort().join(',');
}

function countAt(object: KubeObject, path: string): number {
  const map = readJsonPath(object, path);
  return isJsonObject(map) ? Object.keys(map).length : 0;
}

function numberAt(object: KubeObject, path: string): number {
  return Number(readJsonPath(object, path) ?? 0);
}

function listAt(object: KubeObject, path: string): readonly Readonly<Record<string, unknown>>[] {
  const list = readJsonPath(object, path);
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function firstAt(value: unknown, ...paths: readonly string[]): unknown {
  return paths.map((path) => readJsonPath(value, path)).find((found) => found !== undefined && found !== null);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
