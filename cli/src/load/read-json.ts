import { readFile, stat } from 'node:fs/promises';
import { HybridStoreError } from '@hybridstore/runtime';
import { fieldsOf, parseExactly } from './parse-exactly.ts';
import type { ReadRow } from './row.ts';

/** Whole documents are parsed at once; larger ones belong into NDJSON. */
const fileBytesMax = 512 * 1024 * 1024;

/** An array of objects, a GeoJSON FeatureCollection (one row a feature), or a single object. */
export async function* readJson(path: string): AsyncGenerator<ReadRow> {
  const { size } = await stat(path);
  if (size > fileBytesMax)
    throw new HybridStoreError(
      'too_large',
      `${path}: JSON files are read up to ${fileBytesMax} bytes, found ${size}; use NDJSON`,
      { bytes_max: fileBytesMax },
    );
  const rows = rowsOf(parse(path, await readFile(path, 'utf8')));
  for (const [index, row] of rows.entries()) {
    const position = index + 1;
    yield { unit: 'item', position, bytesRead: Math.round((size * position) / rows.length), ...fieldsOf(row) };
  }
}

function parse(path: string, text: string): unknown {
  try {
    return parseExactly(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `${path}: not valid JSON (${cause instanceof Error ? cause.message : 'unreadable'})`,
      {},
      { cause },
    );
  }
}

function rowsOf(document: unknown): readonly unknown[] {
  if (Array.isArray(document)) return document;
  if (typeof document === 'object' && document !== null && 'features' in document && Array.isArray(document.features))
    return document.features;
  return [document];
}
