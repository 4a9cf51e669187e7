import type { ObjectStore } from './ports.ts';

/** Deletes every object below `prefix`, one by one. What breaks off half way is finished by doing it again. */
export async function deleteBelow(store: ObjectStore, prefix: string): Promise<void> {
  for (const name of await store.list(prefix)) {
    const key = `${prefix}/${name}`;
    if (name.endsWith('/')) await deleteBelow(store, key.slice(0, -1));
    else await store.delete(key);
  }
}

/** When the youngest object below `prefix` was written, in milliseconds since 1970; undefined when there is none. */
export async function newestBelow(store: ObjectStore, prefix: string): Promise<number | undefined> {
  let newestMs: number | undefined;
  for (const name of await store.list(prefix)) {
    const key = `${prefix}/${name}`;
    const ms = name.endsWith('/') ? await newestBelow(store, key.slice(0, -1)) : (await store.stat(key))?.modifiedAtMs;
    if (ms !== undefined) newestMs = Math.max(newestMs ?? ms, ms);
  }
  return newestMs;
}
