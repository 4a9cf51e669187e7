import { setTimeout as delay } from 'node:timers/promises';
import { type ApiCall, createApiCall } from './api-call.ts';
import { layoutCluster } from './layout.ts';
import { emptyVolumeFolder } from './volumes.ts';

const intervalMs = 1_000;

/** The part of a PersistentVolume that decides. */
type Volume = {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly spec: { readonly local?: { readonly path: string } };
  readonly status: { readonly phase: string };
};

/**
 * Empties every volume that is Released now and makes it Available again; gives their names. The cluster has a process for
 * it (`node volume-recycler.ts STATE_FOLDER`), which looks once a second: a missed watch event would cost a test its
 * volume, and a list of some dozens of volumes costs nothing.
 */
export async function recycleReleased(call: ApiCall, emptyFolder: (path: string) => void): Promise<string[]> {
  // The API server is the only one to answer, and its lists have this shape.
  const list = (await call('GET', '/api/v1/persistentvolumes')) as { items: readonly Volume[] };
  const released = list.items.filter((volume) => volume.status.phase === 'Released');
  for (const volume of released) {
    if (volume.spec.local === undefined) continue;
    emptyFolder(volume.spec.local.path);
    const { name, resourceVersion } = volume.metadata;
    const patch = { metadata: { resourceVersion }, spec: { claimRef: null } };
    await call('PATCH', `/api/v1/persistentvolumes/${name}`, patch);
  }
  return released.map((volume) => volume.metadata.name);
}

async function main(stateFolder: string): Promise<never> {
  const layout = layoutCluster(stateFolder);
  const call = createApiCall(layout, 'volume-recycler');
  for (;;) {
    try {
      const names = await recycleReleased(call, (path) => emptyVolumeFolder(layout, path));
      for (const name of names) console.log(`${name} is free again`);
    } catch (error) {
      // The API server may be away or another writer quicker; the next round sees the volume again.
      console.error(error);
    }
    await delay(intervalMs);
  }
}

if (import.meta.main) await main(process.argv[2] ?? '');
