import type { ObjectStore } from '../store/ports.ts';

/**
 * What a vacuum or a repair takes out of a table stays for a time where no reader looks, and can be put back:
 *
 *     _quarantine/<13 digits: the store's time then>-<name>
 *
 * Other engines' clean-up passes over names that begin with `_`.
 */
export type QuarantineStore = Pick<ObjectStore, 'list' | 'move' | 'delete' | 'nowMs'>;

const timeDigits = 13;

/** The object `<location>/<name>` is out of the table when this resolves. Its key in the quarantine. */
export async function quarantineFile(
  store: Pick<ObjectStore, 'move'>,
  file: { readonly location: string; readonly name: string; readonly nowMs: number },
): Promise<string> {
  const time = String(Math.floor(file.nowMs)).padStart(timeDigits, '0');
  const key = `${quarantinePrefix(file.location)}/${time}-${file.name.replaceAll('/', '.')}`;
  await store.move(`${file.location}/${file.name}`, key);
  return key;
}

/** Deletes what has been there for longer; the number of files. */
export async function emptyQuarantine(store: QuarantineStore, location: string, retainMs: number): Promise<number> {
  const names = await store.list(quarantinePrefix(location));
  if (names.length === 0) return 0;
  const nowMs = await store.nowMs();
  let deleted = 0;
  for (const name of names) {
    const sinceMs = Number(/^(\d{13})-/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
    if (nowMs - sinceMs < retainMs) continue;
    await store.delete(`${quarantinePrefix(location)}/${name}`);
    deleted += 1;
  }
  return deleted;
}

function quarantinePrefix(location: string): string {
  return `${location}/_quarantine`;
}
