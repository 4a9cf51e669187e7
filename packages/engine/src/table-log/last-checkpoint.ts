import { createHash } from 'node:crypto';
import { isRecord } from '@hybridstore/runtime';

/** `_last_checkpoint`: which checkpoint is the newest, so that a reader need not list. A hint, with a checksum of its own. */
export type LastCheckpoint = {
  readonly version: number;
  /** Actions. */
  readonly size: number;
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
  readonly tags: Readonly<Record<string, string>>;
};

/** Of the checkpoint's bytes, among the hint's `tags`. */
export const checkpointSumTag = 'hybridstore.sha256';

export function encodeLastCheckpoint(hint: LastCheckpoint): Buffer {
  return Buffer.from(JSON.stringify({ ...hint, checksum: jsonChecksum(hint) }));
}

export type ReadHint = Partial<LastCheckpoint> & { readonly version: number };

/** Undefined for a hint that is not what was written. Those of other writers may lack the checksum. */
export function decodeLastCheckpoint(bytes: Buffer): ReadHint | undefined {
  let hint: unknown;
  try {
    hint = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isRecord(hint) || !Number.isSafeInteger(hint['version'])) return undefined;
  const { checksum, tags } = hint;
  if (checksum !== undefined && checksum !== jsonChecksum(hint)) return undefined;
  return { ...hint, tags: isRecord(tags) ? tags : {} } as ReadHint; // the figures are compared with what they are of, not used
}

/** The checksum that the Delta protocol defines for this file ("JSON checksum"): MD5 of a canonical text of it. */
export function jsonChecksum(value: Readonly<Record<string, unknown>>): string {
  const { checksum: _own, ...content } = value;
  const leaves = canonicalLeaves(content, '');
  const sorted = leaves.toSorted((one, other) => Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)));
  return createHash('md5')
    .update(sorted.map(({ path, text }) => `${path}=${text}`).join(','))
    .digest('hex');
}

type Leaf = { readonly path: string; readonly text: string };

function canonicalLeaves(value: unknown, path: string): Leaf[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return [{ path, text: quoted(value) }];
  if (typeof value !== 'object' || value === null) return [{ path, text: JSON.stringify(value) }];
  const names = Array.isArray(value) ? (name: string) => name : quoted;
  return Object.entries(value).flatMap(([name, part]) =>
    canonicalLeaves(part, path === '' ? names(name) : `${path}+${names(name)}`),
  );
}

/** All but letters, digits and `-._~` in percent form, with capital digits. */
function quoted(text: string): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `"${encoded}"`;
}
