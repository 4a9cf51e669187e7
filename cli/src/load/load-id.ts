import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

const idCharacters = 32;

/**
 * The same for the same content cut in the same way: a load that broke off and is repeated, from whatever folder, sends
 * its batches under the ids that they had, and the platform applies none twice.
 */
export async function buildLoadId(
  path: string,
  cut: { readonly format: string; readonly rowsPerBatch: number },
): Promise<string> {
  const hash = createHash('sha256').update(`${cut.format} ${cut.rowsPerBatch}\n`);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return `load-${hash.digest('hex').slice(0, idCharacters)}`;
}
