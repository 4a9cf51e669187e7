import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Kube, type KubeObject, kinds, listAll, type Resource } from '@hybridstore/operator';
import { HybridStoreError, isHybridStoreError, systemClock } from '@hybridstore/runtime';
import colors from 'picocolors';
import { parseAllDocuments, stringify } from 'yaml';
import type { Connection } from '../connection.ts';
import { formatTable } from '../output/table.ts';

const fieldManager = 'hybridstore-cli';
const waitMsMax = 600_000;
const waitStepMs = 500;

/** Names by which the kinds of this platform can be asked for, kubectl's own short names among them. */
const ownKinds: Readonly<Record<string, Resource>> = Object.fromEntries(
  [
    { resource: kinds.tenant, names: ['tenant', 'tenants', 'hst'] },
    { resource: kinds.dataSource, names: ['datasource', 'datasources', 'hsds'] },
    { resource: kinds.compactionPolicy, names: ['compactionpolicy', 'compactionpolicies', 'hscp'] },
    { resource: kinds.pod, names: ['pod', 'pods', 'po'] },
    { resource: kinds.event, names: ['event', 'events', 'ev'] },
  ].flatMap(({ resource, names }) => names.map((name) => [name, resource as Resource])),
);

export type ApplyFlags = {
  readonly filename: string;
  readonly namespace: string;
  readonly wait?: boolean;
  readonly timeout: string;
};

/** Server-side apply of every object in a file, a folder or standard input; with --wait until each is Ready. */
export async function apply(connection: Connection, flags: ApplyFlags): Promise<void> {
  const kube = connection.kube();
  const objects = readObjects(flags.filename, flags.namespace);
  for (const object of objects) {
    const resource = resourceOf(object.kind);
    const before = await readVersion(kube, resource, object);
    const after = await kube.apply(resource, object, { fieldManager });
    const verb =
      before === undefined ? 'created' : before === after.metadata.resourceVersion ? 'unchanged' : 'configured';
    process.stdout.write(`${resource.plural}/${object.metadata.name} ${verb}\n`);
  }
  if (flags.wait) for (const object of objects) await waitUntilReady(kube, object, Number(flags.timeout) * 1_000);
}

async function readVersion(kube: Kube, resource: Resource, object: KubeObject): Promise<string | undefined> {
  try {
    return (await kube.get(resource, keyOf(object))).metadata.resourceVersion;
  } catch (error) {
    if (isHybridStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}

async function waitUntilReady(kube: Kube, object: KubeObject, timeoutMs: number): Promise<void> {
  const resource = resourceOf(object.kind);
  const untilMs = performance.now() + Math.min(waitMsMax, timeoutMs);
  for (;;) {
    const ready = readCondition(await kube.get(resource, keyOf(object)), 'Ready');
    if (ready?.status === 'True') {
      process.stdout.write(`${resource.plural}/${object.metadata.name} ${colors.green('ready')}\n`);
      return;
    }
    if (performance.now() > untilMs) {
      throw new HybridStoreError(
        'deadline_exceeded',
        `${resource.plural}/${object.metadata.name} is not ready: ${ready?.reason ?? 'no condition yet'} ${ready?.message ?? ''}`.trim(),
      );
    }
    await systemClock.sleep(waitStepMs);
  }
}

type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
};

function readCondition(object: KubeObject, type: string): Condition | undefined {
  const { status } = object as { readonly status?: { readonly conditions?: readonly Condition[] } };
  const condition = status?.conditions?.find((candidate) => candidate.type === type);
  // A condition about an older spec says nothing about this one.
  return condition?.observedGeneration !== undefined && condition.observedGeneration < (object.metadata.generation ?? 0)
    ? undefined
    : condition;
}

export type GetFlags = { readonly namespace: string; readonly allNamespaces?: boolean };

export async function get(
  connection: Connection,
  kind: string,
  name: string | undefined,
  flags: GetFlags,
): Promise<void> {
  const kube = connection.kube();
  const resource = resourceOf(kind);
  const items =
    name === undefined
      ? (await listAll(kube, resource, flags.allNamespaces ? {} : { namespace: flags.namespace })).items
      : [await kube.get(resource, { namespace: flags.namespace, name })];
  const output = connection.settings.flags.output ?? 'table';
  if (output === 'json') process.stdout.write(`${JSON.stringify(name === undefined ? items : items[0], null, 2)}\n`);
  else if (output === 'yaml') process.stdout.write(stringify(name === undefined ? items : items[0]));
  else printObjects(resource, items, Boolean(flags.allNamespaces));
}

function printObjects(resource: Resource, items: readonly KubeObject[], withNamespace: boolean): void {
  if (items.length === 0) {
    process.stderr.write(`no ${resource.plural} found\n`);
    return;
  }
  const columns = [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', 'READY', 'REASON', 'AGE'].map((name) => ({
    name,
    type: 'string',
  }));
  const rows = items.map((item) => {
    const ready = readCondition(item, 'Ready');
    return [
      ...(withNamespace ? [item.metadata.namespace] : []),
      item.metadata.name,
      ready?.status ?? 'Unknown',
      ready?.reason ?? '',
      formatAge(item.metadata.creationTimestamp),
    ];
  });
  process.stdout.write(`${formatTable(columns, rows)}\n`);
}

export function formatAge(created: string | undefined, nowMs = Date.now()): string {
  if (created === undefined) return '';
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(created)) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export type DeleteFlags = { readonly filename?: string; readonly namespace: string; readonly ignoreNotFound?: boolean };

export async function remove(
  connection: Connection,
  kind: string | undefined,
  name: string | undefined,
  flags: DeleteFlags,
): Promise<void> {
  const kube = connection.kube();
  const targets =
    flags.filename === undefined
      ? [namedTarget(kind, name, flags.namespace)]
      : readObjects(flags.filename, flags.namespace).reverse();
  for (const target of targets) {
    const resource = resourceOf(target.kind);
    try {
      await kube.delete(resource, keyOf(target));
      process.stdout.write(`${resource.plural}/${target.metadata.name} deleted\n`);
    } catch (error) {
      if (!flags.ignoreNotFound || !isHybridStoreError(error, 'not_found')) throw error;
    }
  }
}

function namedTarget(kind: string | undefined, name: string | undefined, namespace: string): KubeObject {
  if (kind === undefined || name === undefined)
    throw new HybridStoreError('invalid_request', 'delete: expected KIND NAME or -f FILE');
  return { apiVersion: resourceOf(kind).apiVersion, kind, metadata: { name, namespace } };
}

function keyOf(object: KubeObject): { readonly namespace: string; readonly name: string } {
  return { namespace: object.metadata.namespace ?? 'default', name: object.metadata.name ?? '' };
}

function resourceOf(kind: string): Resource {
  const resource = ownKinds[kind.toLowerCase()];
  if (!resource)
    throw new HybridStoreError(
      'invalid_request',
      `kind: expected one of ${[...new Set(Object.values(ownKinds).map((one) => one.kind))].join(', ')}, found ${kind}`,
      { field: 'kind' },
    );
  return resource;
}

/** Every object of a YAML or JSON file, of the files of a folder, or of standard input (`-`). */
export function readObjects(path: string, namespace: string): KubeObject[] {
  if (path === '-') return parseObjects('standard input', readFileSync(0, 'utf8'), namespace);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat)
    throw new HybridStoreError('invalid_request', `--filename: ${path} does not exist`, { field: '--filename' });
  const files = stat.isDirectory()
    ? readdirSync(path)
        .filter((name) => /\.(ya?ml|json)$/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path];
  return files.flatMap((file) => parseObjects(file, readFileSync(file, 'utf8'), namespace));
}

function parseObjects(file: string, text: string, namespace: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors ?? [];
    if (error) throw new HybridStoreError('invalid_request', `${file}: ${error.message}`, { field: '--filename' });
    const object = document.toJS() as KubeObject | null;
    if (object === null) return [];
    if (typeof object !== 'object' || typeof object.kind !== 'string' || typeof object.metadata?.name !== 'string') {
      throw new HybridStoreError('invalid_request', `${file}: expected objects with kind and metadata.name`, {
        field: 'kind',
      });
    }
    return [{ ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } }];
  });
}
