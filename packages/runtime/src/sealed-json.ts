import { createHash } from 'node:crypto';
import { HybridStoreError } from './errors.ts';
import { isRecord } from './is-record.ts';

/**
 * JSON objects that say themselves whether they are still what was written: their last field, `sha256`, is of their name
 * and of all bytes before it. The name is the object's key, so one object in the place of another is found as well.
 *
 *     {"table_id":"6a1f…","location":"tables/flights/6a1f…","sha256":"…"}
 *
 * Objects of before the seal have none and are read as they are.
 */
const sealField = 'sha256';
const sealed = new RegExp(`^(\\{.*),"${sealField}":"([^"]*)"\\}\\s*$`, 's');

/** `value` has fields, and none by the name of the seal. */
export function sealJson(value: object, name: string): string {
  const open = JSON.stringify(value).slice(0, -1);
  return `${open},"${sealField}":"${sealOf(name, open)}"}`;
}

/** The value without its seal; undefined when the bytes are no JSON. `corrupt` names an object that is not what was written. */
export function openSealed(bytes: Buffer, name: string): unknown {
  const text = bytes.toString('utf8');
  const match = sealed.exec(text);
  if (!match) return parseUnsealed(text, name);
  const [, open = '', seal] = match;
  if (seal !== sealOf(name, open)) throw brokenSeal(name);
  return JSON.parse(`${open}}`);
}

/** What is sealed is the text: two texts with the same value have different seals. */
export function sealOf(name: string, text: string | Uint8Array): string {
  return createHash('sha256').update(`${name}\n`).update(text).digest('hex');
}

export function brokenSeal(name: string): HybridStoreError {
  return new HybridStoreError('corrupt', `${name} is not what was written: its checksum does not match`, {
    path: name,
  });
}

function parseUnsealed(text: string, name: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The caller refuses it in the words of what it should be.
    return undefined;
  }
  // A seal that is not at the end was not put there by `sealJson`.
  if (isRecord(value) && sealField in value) throw brokenSeal(name);
  return value;
}
