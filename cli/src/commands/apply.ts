import { isDeepStrictEqual } from 'node:util';
import type { Kube, KubeObject } from '@hybridstore/controller-runtime';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import { type Io, paintFor } from '../io.ts';
import { formatErrorLine } from '../output/error-line.ts';
import { resourceOf } from '../resources/kind-names.ts';
import { keyOf, nameOf, readObjects } from '../resources/read-objects.ts';
import { waitUntilReady } from '../resources/wait.ts';

export type ApplyFlags = {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly dryRun?: boolean;
  readonly forceConflicts?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
};

/**
 * Server-side apply of every object of files, folders or standard input; with --wait until each is Ready. As with
 * kubectl, an object that is refused does not keep the others from being applied.
 */
export async function apply(connection: Connection, flags: ApplyFlags, io: Io): Promise<void> {
  const objects = await readObjects(flags.filename, flags.namespace, io);
  const kube = connection.kube();
  const applied: KubeObject[] = [];
  for (const { object, file } of objects) {
    try {
      const done = await applyOne(kube, object, flags);
      io.stdout.write(`${nameOf(object)} ${done}${flags.dryRun ? ' (dry run)' : ''}\n`);
      applied.push(object);
    } catch (error) {
      if (objects.length === 1 || !isOfObject(error)) throw error;
      io.stderr.write(`error: ${file}: ${nameOf(object)}: ${formatErrorLine(error)}\n`);
    }
  }
  if (flags.wait)
    for (const object of applied) {
      await waitUntilReady(kube, object, flags.timeout * 1_000);
      io.stdout.write(`${nameOf(object)} ${paintFor(io.stdout, io.variables).green('ready')}\n`);
    }
  const refused = objects.length - applied.length;
  if (refused > 0)
    throw new HybridStoreError('invalid_request', `${refused} of ${objects.length} objects were not applied`);
}

/** Refusals of one object say nothing about the next; an API server that is away does. */
function isOfObject(error: unknown): boolean {
  return (
    isHybridStoreError(error, 'invalid_request') ||
    isHybridStoreError(error, 'conflict') ||
    isHybridStoreError(error, 'not_found')
  );
}

async function applyOne(kube: Kube, object: KubeObject, flags: ApplyFlags): Promise<string> {
  const resource = resourceOf(object.kind);
  const before = await readStored(kube, object);
  const after = await kube
    .apply(resource, object, {
      ...(flags.dryRun ? { dryRun: true } : {}),
      ...(flags.forceConflicts ? { force: true } : {}),
    })
    .catch((error: unknown) => {
      if (!isHybridStoreError(error, 'conflict')) throw error;
      throw new HybridStoreError(
        'conflict',
        `${error.message} (--force-conflicts takes the fields over)`,
        error.details,
        { cause: error },
      );
    });
  if (before === undefined) return 'created';
  return isDeepStrictEqual(withoutBookkeeping(before), withoutBookkeeping(after)) ? 'unchanged' : 'configured';
}

/** A dry run gives no new version: what is compared is what people write. Every kind of ours has a status. */
function withoutBookkeeping(object: KubeObject): object {
  const { resourceVersion: _version, generation: _generation, managedFields: _fields, ...metadata } = object.metadata;
  const { status: _status, ...rest } = object as KubeObject & { readonly status?: unknown };
  return { ...rest, metadata };
}

async function readStored(kube: Kube, object: KubeObject): Promise<KubeObject | undefined> {
  try {
    return await kube.get(resourceOf(object.kind), keyOf(object));
  } catch (error) {
    if (isHybridStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}
