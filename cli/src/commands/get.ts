import { type Kube, type KubeObject, listAll, type Resource } from '@hybridstore/controller-runtime';
import { HybridStoreError, isHybridStoreError, systemClock } from '@hybridstore/runtime';
import { stringify } from 'yaml';
import type { Connection } from '../connection.ts';
import { type Io, paintFor } from '../io.ts';
import { formatObjects, lastSeen } from '../output/object-table.ts';
import { resourceOf } from '../resources/kind-names.ts';
import { usageError } from '../usage-error.ts';

export const getFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;

export type GetFlags = {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly watch?: boolean;
  readonly output: (typeof getFormats)[number];
};

/** Objects of one kind, all or by name, as kubectl shows them; with -w each again when it changes. */
export async function get(
  connection: Connection,
  kind: string,
  names: readonly string[],
  flags: GetFlags,
  io: Io,
): Promise<void> {
  const resource = resourceOf(kind);
  if (names.length > 0 && flags.allNamespaces) throw usageError('--all-namespaces', 'expected no NAME beside it');
  if (names.length > 0 && flags.selector !== undefined) throw usageError('--selector', 'expected no NAME beside it');
  const kube = connection.kube();
  const selection = {
    ...(flags.allNamespaces ? {} : { namespace: flags.namespace }),
    ...(flags.selector === undefined ? {} : { labelSelector: flags.selector }),
  };
  const { items, resourceVersion } =
    names.length === 0 || flags.watch
      ? await listAll(kube, resource, selection)
      : { items: await readNamed(kube, resource, names, flags.namespace), resourceVersion: '' };
  const isAsked = (object: KubeObject) => names.length === 0 || names.includes(object.metadata.name ?? '');
  const objects = sorted(resource, items.filter(isAsked));
  print(resource, objects, { isList: names.length !== 1, flags, io });
  if (flags.watch) await watch(kube, resource, { objects, selection, resourceVersion, isAsked, flags, io });
}

async function readNamed(
  kube: Kube,
  resource: Resource,
  names: readonly string[],
  namespace: string,
): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const name of names) objects.push(await kube.get(resource, { namespace, name }));
  return objects;
}

/** By namespace and name, so that two looks can be compared; events by time. */
function sorted(resource: Resource, objects: readonly KubeObject[]): readonly KubeObject[] {
  const rank = (object: KubeObject) =>
    resource.kind === 'Event' ? lastSeen(object) : `${object.metadata.namespace}/${object.metadata.name}`;
  return objects.toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

type Printing = {
  readonly isList: boolean;
  /** Not the first document of its stream. */
  readonly isLater?: boolean;
  readonly flags: GetFlags;
  readonly io: Io;
};

function print(
  resource: Resource,
  objects: readonly KubeObject[],
  { isList, isLater = false, flags, io }: Printing,
): void {
  if (flags.output === 'json' || flags.output === 'yaml') {
    const [first] = objects;
    const shown = isList ? { apiVersion: 'v1', kind: 'List', items: objects.map(inOrder) } : first && inOrder(first);
    const mark = isLater && flags.output === 'yaml' ? '---\n' : '';
    if (shown !== undefined) io.stdout.write(mark + formatDocument(shown, flags.output));
  } else if (flags.output === 'name') {
    for (const object of objects) io.stdout.write(`${resource.plural}/${object.metadata.name}\n`);
  } else if (objects.length > 0) {
    io.stdout.write(`${table(resource, objects, flags, io)}\n`);
  } else if (!flags.watch) {
    io.stderr.write(`no ${resource.plural} found${flags.allNamespaces ? '' : ` in namespace ${flags.namespace}`}\n`);
  }
}

/** With what it is at its head, as people write it and kubectl prints it. */
function inOrder({ apiVersion, kind, metadata, ...rest }: KubeObject): KubeObject {
  return { apiVersion, kind, metadata, ...rest };
}

function formatDocument(value: unknown, output: 'json' | 'yaml'): string {
  return output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}

function table(resource: Resource, objects: readonly KubeObject[], flags: GetFlags, io: Io): string {
  return formatObjects(resource, objects, {
    withNamespace: flags.allNamespaces === true,
    isWide: flags.output === 'wide',
    nowMs: Date.now(),
    paint: paintFor(io.stdout, io.variables),
  });
}

type Watching = {
  readonly objects: readonly KubeObject[];
  readonly selection: { readonly namespace?: string; readonly labelSelector?: string };
  readonly resourceVersion: string;
  readonly isAsked: (object: KubeObject) => boolean;
  readonly flags: GetFlags;
  readonly io: Io;
};

/** A server that ends each watch at once must not be asked without a pause. */
const rewatchMs = 1_000;

/** Prints objects as they change until the user interrupts. The server ends a watch now and then: it goes on where it was. */
async function watch(kube: Kube, resource: Resource, watching: Watching): Promise<void> {
  const { selection, isAsked, flags, io } = watching;
  const lines = new WatchLines(resource, watching.objects, flags, io);
  let { resourceVersion } = watching;
  for (let isFirst = true; !io.signal.aborted; isFirst = false) {
    try {
      if (!isFirst) await systemClock.sleep(rewatchMs, io.signal);
      for await (const event of kube.watch(resource, { ...selection, resourceVersion, signal: io.signal })) {
        resourceVersion = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
        if (event.type !== 'BOOKMARK' && isAsked(event.object)) lines.write(event.object, event.type === 'DELETED');
      }
    } catch (error) {
      if (io.signal.aborted) return;
      if (!isHybridStoreError(error, 'gone')) throw error;
      throw new HybridStoreError(
        'gone',
        `the watch fell behind what the API server remembers; begin again`,
        {},
        { cause: error },
      );
    }
  }
}

/** Lines of one growing table: its columns get wider with the objects seen, never narrower. */
class WatchLines {
  readonly #resource: Resource;
  readonly #seen = new Map<string, KubeObject>();
  readonly #flags: GetFlags;
  readonly #io: Io;

  constructor(resource: Resource, objects: readonly KubeObject[], flags: GetFlags, io: Io) {
    this.#resource = resource;
    this.#flags = flags;
    this.#io = io;
    for (const object of objects) this.#seen.set(idOf(object), object);
  }

  write(object: KubeObject, isDeleted: boolean): void {
    const { output } = this.#flags;
    if (output !== 'table' && output !== 'wide') {
      print(this.#resource, [object], { isList: false, isLater: true, flags: this.#flags, io: this.#io });
      return;
    }
    const isFirst = this.#seen.size === 0;
    this.#seen.delete(idOf(object));
    this.#seen.set(idOf(object), object);
    const lines = table(this.#resource, [...this.#seen.values()], this.#flags, this.#io).split('\n');
    if (isFirst) this.#io.stdout.write(`${lines[0]}\n`);
    this.#io.stdout.write(`${lines.at(-1)}${isDeleted ? '  (deleted)' : ''}\n`);
    if (isDeleted && this.#seen.size > 1) this.#seen.delete(idOf(object));
  }
}

function idOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}
