import { HybridStoreError } from '@hybridstore/runtime';

/** One watch event: an object of at most 1.5 MiB, and its envelope. */
export const lineBytesMaxDefault = 8 * 1024 * 1024;

/** Decodes a stream of bytes into lines without their breaks. Throws `too_large` when a line does not end. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax = lineBytesMaxDefault,
): AsyncGenerator<string, void> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
      parts = [];
      bytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    const rest = chunk.subarray(start);
    bytes += rest.length;
    if (bytes > lineBytesMax)
      throw new HybridStoreError('too_large', `a line of more than ${lineBytesMax} bytes in a stream`);
    if (rest.length > 0) parts.push(rest);
  }
  // What follows the last line break was cut off in the middle: the next watch sends it again.
}

const lineFeed = 0x0a;
