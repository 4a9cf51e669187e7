import { randomBytes } from 'node:crypto';

/** `q-` and 128 random bits: who does not know it cannot guess it. */
export function createQueryId(): string {
  return `q-${randomBytes(16).toString('hex')}`;
}
