import { createHash, timingSafeEqual } from 'node:crypto';
import type { Permission } from '@hybridstore/contracts';
import type { RandomSource } from './random-source.ts';

/** What is kept of an API key: never the key itself, only its SHA-256. 256 random bits need no slow hash. */
export type ApiKeyRecord = {
  readonly keyId: string;
  readonly userId: string;
  readonly name: string;
  readonly tenantId: string;
  readonly permissions: readonly Permission[];
  readonly digest: Buffer;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
};

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
