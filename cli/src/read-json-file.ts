import { readFileSync } from 'node:fs';
import { HybridStoreError } from '@hybridstore/runtime';

/** A file that the platform wrote, as JSON. Throws `invalid_request` that names the file and says what it should hold. */
export function readJsonFile(path: string, expected: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const message = `${path}: expected ${expected}, found something unreadable`;
    throw new HybridStoreError('invalid_request', message, { path }, { cause });
  }
}
