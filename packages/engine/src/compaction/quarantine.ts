import type { ObjectStore } from '../store/ports.ts';

/**
 * What a vacuum or a repair takes out of a table stays for a time where no reader looks, and can be put back:
 *
 *     _quarantine/<13 digits: the store's time then>-<name>
 *     _quarantine/kept-<the same>                                    of a repair: stays until somebody removes it
 *
 * Other engines' clean-up passes over names that begin with `_`.
 */
const timeDigits = 13;
const keptPrefix = 'kept-';

/** The object `<location>/<name>` is out of the table when this resolves. Its key in the quarantine. */
export async function quarantineFile(
  store: Pick<ObjectStore, 'move'>,
  file: { readonly location: string; readonly name: string; readonly nowMs: number; readonly isKept?: boolean },
): Promise<string> {
  const time = String(Math.floor(file.nowMs)).padStart(timeDigits, '0');
  const kept = file.isKept ? keptPrefix : '';
  const key = `${quarantinePrefix(file.location)}/${kept}${time}-${file.name.replaceAll('/', '.')}`;
  await store.move(`${file.location}/${file.name}`, key);
  return key;
}

/** Whether a name in the quarantine has been there for longer. One that is not ours says nothing, and stays. */
export function isExpired(name: string, nowMs: number, retainMs: number): boolean {
  const sinceMs = /^(\d{13})-/.exec(name)?.[1];
  return sinceMs !== undefined && nowMs - Number(sinceMs) >= retainMs;
}

export function quarantinePrefix(location: string): string {
  return `${location}/_quarantine`;
}
