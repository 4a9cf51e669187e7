import { createHash, timingSafeEqual } from 'node:crypto';
import type { RandomSource } from './ports.ts';

const secretBytes = 32;
const idBytes = 8;
const keyPattern = /^hsk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** A new key, `hsk_<id>_<secret>`. */
export function generateKey(random: RandomSource): {
  readonly keyId: string;
  readonly text: string;
  readonly digest: Buffer;
} {
  const keyId = random.bytes(idBytes).toString('hex');
  const text = `hsk_${keyId}_${random.bytes(secretBytes).toString('base64url')}`;
  return { keyId, text, digest: digestOfKey(text) };
}

export function isKeyText(credential: string): boolean {
  return credential.startsWith('hsk_');
}

/** The id inside a key's text, or undefined when it has not the form of a key. */
export function keyIdOf(text: string): string | undefined {
  return keyPattern.exec(text)?.[1];
}

export function digestOfKey(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export function matchesDigest(text: string, digest: Buffer): boolean {
  return timingSafeEqual(digestOfKey(text), digest);
}
