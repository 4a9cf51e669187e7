import { stat } from 'node:fs/promises';
import { HybridStoreError, isRecord } from '@hybridstore/runtime';
import { fieldsOf, parseExactly } from './parse-exactly.ts';
import { readText } from './read-text.ts';
import type { ReadOptions, ReadRow } from './row.ts';

/** Whole documents are parsed at once; larger ones belong into NDJSON. */
const fileBytesMax = 512 * 1024 * 1024;
const listedMax = 20;

/** An array of objects, a GeoJSON FeatureCollection (one row a feature), or a single object. */
export async function* readJson(path: string, options: ReadOptions): AsyncGenerator<ReadRow> {
  const { size } = await stat(path);
  const rows = rowsOf(parse(path, await readWhole(path, options)), options);
  for (const [index, row] of rows.entries()) {
    const position = index + 1;
    yield { unit: 'item', position, bytesRead: Math.round((size * position) / rows.length), ...fieldsOf(row) };
  }
}

async function readWhole(path: string, options: ReadOptions): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const { text } of readText(path, options)) {
    pieces.push(text);
    length += text.length;
    if (length > fileBytesMax)
      throw new HybridStoreError(
        'too_large',
        `${path}: JSON files are read up to ${fileBytesMax} bytes, found more; use NDJSON`,
        { bytes_max: fileBytesMax },
      );
  }
  return pieces.join('');
}

function parse(path: string, text: string): unknown {
  try {
    return parseExactly(text);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `${path}: not valid JSON (${cause instanceof Error ? cause.message : 'unreadable'})`,
      {},
      { cause },
    );
  }
}

function rowsOf(document: unknown, { onNote }: ReadOptions): readonly unknown[] {
  if (Array.isArray(document)) return document;
  if (!isRecord(document) || document['type'] !== 'FeatureCollection' || !Array.isArray(document['features']))
    return [document];
  const others = Object.keys(document).filter((name) => name !== 'type' && name !== 'features');
  if (others.length > 0)
    onNote?.(`a row a feature; what stands beside them is left out: ${others.slice(0, listedMax).join(', ')}`);
  return document['features'];
}
