import type { KubeObject } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import { resourceOf } from '../resources/kind-names.ts';
import { keyOf, nameOf, readObjects } from '../resources/read-objects.ts';
import { waitUntilGone } from '../resources/wait.ts';
import { usageError } from '../usage-error.ts';

export type DeleteFlags = {
  readonly filename?: readonly string[];
  readonly namespace: string;
  readonly ignoreNotFound?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
};

/** Asks for the deletion of the named objects, or of all that files name, the last first; with --wait until they are gone. */
export async function remove(
  connection: Connection,
  kind: string | undefined,
  names: readonly string[],
  flags: DeleteFlags,
  io: Io,
): Promise<void> {
  const targets = await chooseTargets(kind, names, flags, io);
  const kube = connection.kube();
  const leaving: { readonly object: KubeObject; readonly uid: string }[] = [];
  for (const object of targets) {
    const resource = resourceOf(object.kind);
    try {
      const { uid } = (await kube.get(resource, keyOf(object))).metadata;
      await kube.delete(resource, keyOf(object));
      leaving.push({ object, uid });
      io.stdout.write(`${nameOf(object)} deleted\n`);
    } catch (error) {
      if (!flags.ignoreNotFound || !isHybridStoreError(error, 'not_found')) throw error;
    }
  }
  if (flags.wait)
    for (const { object, uid } of leaving) {
      await waitUntilGone(kube, object, uid, flags.timeout * 1_000);
      io.stdout.write(`${nameOf(object)} gone\n`);
    }
}

async function chooseTargets(
  kind: string | undefined,
  names: readonly string[],
  flags: DeleteFlags,
  io: Io,
): Promise<readonly KubeObject[]> {
  if (flags.filename !== undefined) {
    if (kind !== undefined) throw usageError('--filename', `expected no KIND beside it, found ${kind}`);
    return (await readObjects(flags.filename, flags.namespace, io)).map(({ object }) => object).reverse();
  }
  if (kind === undefined || names.length === 0) throw usageError('delete', 'expected KIND NAME, or -f FILE');
  const resource = resourceOf(kind);
  return names.map((name) => ({
    apiVersion: resource.apiVersion,
    kind: resource.kind,
    metadata: { name, namespace: flags.namespace },
  }));
}
