import { createHash } from 'node:crypto';
import { readSlabs } from './packed-file.ts';

const idCharacters = 32;

/** What makes batches of a file. `reading`: the options that make other values of the same bytes, as they were given. */
export type Cut = { readonly format: string; readonly rowsPerBatch: number; readonly reading: readonly string[] };

/**
 * The same for the same content read and cut in the same way: a load that broke off and is repeated, from whatever folder, sends
 * its batches under the ids that they had, and the platform applies none twice.
 */
export async function buildLoadId(path: string, { format, rowsPerBatch, reading }: Cut): Promise<string> {
  const hash = createHash('sha256').update(`${[format, rowsPerBatch, ...reading].join(' ')}\n`);
  for await (const bytes of readSlabs(path)) hash.update(bytes);
  return `load-${hash.digest('hex').slice(0, idCharacters)}`;
}
