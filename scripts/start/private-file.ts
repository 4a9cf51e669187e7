import { privateFile, replaceFileDurably, systemDisk } from '@hybridstore/runtime';

/**
 * Writes JSON that only this user may read, whole or not at all: its readers wait for the file to be there, and take what
 * they find. The file of before gives away neither its bytes nor its mode.
 */
export async function writePrivateJson(path: string, value: object): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  await replaceFileDurably(systemDisk, { path, bytes, mode: privateFile });
}
