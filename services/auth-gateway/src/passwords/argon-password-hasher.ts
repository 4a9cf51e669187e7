import { Semaphore } from '@hybridstore/runtime';
import { hash, verify } from '@node-rs/argon2';
import bcrypt from 'bcrypt';
import { bcryptCost } from '../domain/legacy-users.ts';
import type { PasswordHasher } from '../domain/ports.ts';

/** argon2id (the library's default kind), 19 MiB, two passes, one lane: a first choice of the OWASP Password Storage Cheat Sheet. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each takes a thread of libuv's four and 19 MiB; two leave room for files and names. */
const runningMax = 2;
const waitingMax = 64;
/** bcrypt reads no further: two long passwords with one beginning would be one password. */
const bcryptPasswordBytesMax = 72;

/** argon2id for new passwords; bcrypt up to `bcryptRoundsMax` for those of an older system. */
export class ArgonPasswordHasher implements PasswordHasher {
  readonly #line = new Semaphore({ running: runningMax, waiting: waitingMax });
  readonly #bcryptRoundsMax: number;
  #decoy: Promise<string> | undefined;

  constructor(options: { readonly bcryptRoundsMax: number }) {
    this.#bcryptRoundsMax = options.bcryptRoundsMax;
  }

  hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.#line.run(() => hash(password, cost), signal);
  }

  async verify(password: string, held: string | undefined, signal?: AbortSignal): Promise<boolean> {
    if (held !== undefined && bcryptCost(held) !== undefined) return this.#verifyBcrypt(password, held, signal);
    this.#decoy ??= hash('the password of nobody', cost);
    const compared = held ?? (await this.#decoy);
    const isRight = await this.#line.run(() => verify(compared, password), signal);
    return isRight && held !== undefined;
  }

  isOutdated(held: string): boolean {
    return !held.startsWith(`$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$`);
  }

  async #verifyBcrypt(password: string, held: string, signal?: AbortSignal): Promise<boolean> {
    const rounds = bcryptCost(held) ?? Number.POSITIVE_INFINITY;
    if (Buffer.byteLength(password) > bcryptPasswordBytesMax || rounds > this.#bcryptRoundsMax) return false;
    return this.#line.run(() => bcrypt.compare(password, held), signal);
  }
}
