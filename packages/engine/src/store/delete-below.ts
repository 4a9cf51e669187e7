import type { ObjectStore } from './ports.ts';

/** Deletes every object below `prefix`, one by one. What breaks off half way is finished by doing it again. */
export async function deleteBelow(store: ObjectStore, prefix: string): Promise<void> {
  for (const name of await store.list(prefix)) {
    const key = `${prefix}/${name}`;
    if (name.endsWith('/')) await deleteBelow(store, key.slice(0, -1));
    else await store.delete(key);
  }
}
