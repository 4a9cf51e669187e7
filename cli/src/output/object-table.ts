import { buildCrds } from '@hybridstore/contracts';
import { type KubeObject, type Resource, readJsonPath } from '@hybridstore/controller-runtime';
import { type Paint, plain } from '../io.ts';
import { formatCells, printable } from './table.ts';

type ObjectColumn = {
  readonly name: string;
  readonly isWide: boolean;
  readonly read: (object: KubeObject, nowMs: number) => string;
};

export type ObjectTableOptions = {
  readonly withNamespace: boolean;
  readonly isWide: boolean;
  readonly nowMs: number;
  readonly paint?: Paint;
};

/** Objects of one kind as kubectl prints them: the columns that their definition names. */
export function formatObjects(
  resource: Resource,
  objects: readonly KubeObject[],
  { withNamespace, isWide, nowMs, paint = plain }: ObjectTableOptions,
): string {
  const columns = [
    ...(withNamespace ? [path('Namespace', '.metadata.namespace')] : []),
    // An event's name says nothing to anybody.
    ...(resource.kind === 'Event' ? [] : [path('Name', '.metadata.name')]),
    ...columnsOf(resource).filter((column) => isWide || !column.isWide),
  ];
  return formatCells(
    columns.map(({ name }) => ({ name: name.toUpperCase(), align: 'left' })),
    objects.map((object) => columns.map((column) => printable(column.read(object, nowMs)))),
    paint,
  );
}

function columnsOf(resource: Resource): readonly ObjectColumn[] {
  const definition = buildCrds().find(({ spec }) => spec.names.kind === resource.kind);
  if (!definition) return builtInColumns[resource.kind] ?? [age];
  const [version] = definition.spec.versions;
  return (version?.additionalPrinterColumns ?? []).map(({ name, type, jsonPath, priority }) => ({
    name,
    isWide: (priority ?? 0) > 0,
    read: (object, nowMs) => {
      const value = readJsonPath(object, jsonPath);
      return type === 'date' ? formatAge(value, nowMs) : text(value);
    },
  }));
}

function path(name: string, jsonPath: string, isWide = false): ObjectColumn {
  return { name, isWide, read: (object) => text(readJsonPath(object, jsonPath)) };
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

const age: ObjectColumn = {
  name: 'Age',
  isWide: false,
  read: (object, nowMs) => formatAge(object.metadata.creationTimestamp, nowMs),
};

const builtInColumns: Readonly<Record<string, readonly ObjectColumn[]>> = {
  Pod: [
    { name: 'Ready', isWide: false, read: readReadyContainers },
    path('Status', '.status.phase'),
    {
      name: 'Restarts',
      isWide: false,
      read: (pod) => text(readJsonPath(pod, '.status.containerStatuses[0].restartCount') ?? 0),
    },
    age,
    path('IP', '.status.podIP', true),
    path('Node', '.spec.nodeName', true),
  ],
  Event: [
    { name: 'Last Seen', isWide: false, read: (event, nowMs) => formatAge(lastSeen(event), nowMs) },
    path('Type', '.type'),
    path('Reason', '.reason'),
    {
      name: 'Object',
      isWide: false,
      read: (event) =>
        `${text(readJsonPath(event, '.regarding.kind')).toLowerCase()}/${text(readJsonPath(event, '.regarding.name'))}`,
    },
    path('Message', '.note'),
    { name: 'Count', isWide: true, read: (event) => text(readJsonPath(event, '.series.count') ?? 1) },
  ],
};

function readReadyContainers(pod: KubeObject): string {
  const statuses = readJsonPath(pod, '.status.containerStatuses');
  const containers = readJsonPath(pod, '.spec.containers');
  const total = Array.isArray(containers) ? containers.length : 0;
  const ready = Array.isArray(statuses) ? statuses.filter((one: { ready?: unknown }) => one.ready === true).length : 0;
  return `${ready}/${total}`;
}

/** When an event happened last: RFC 3339. */
export function lastSeen(event: KubeObject): string {
  return text(
    readJsonPath(event, '.series.lastObservedTime') ??
      readJsonPath(event, '.eventTime') ??
      readJsonPath(event, '.deprecatedLastTimestamp') ??
      event.metadata.creationTimestamp,
  );
}

export function formatAge(since: unknown, nowMs: number): string {
  const sinceMs = Date.parse(String(since ?? ''));
  if (Number.isNaN(sinceMs)) return '';
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
