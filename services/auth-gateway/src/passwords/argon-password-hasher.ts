import { hash, verify } from '@node-rs/argon2';
import bcrypt from 'bcrypt';
import { bcryptCost } from '../domain/legacy-users.ts';
import type { HashOrder, PasswordHasher } from '../domain/ports.ts';
import { HashingLanes } from './hashing-lanes.ts';

/** argon2id (the library's default kind), 19 MiB, two passes, one lane: a first choice of the OWASP Password Storage Cheat Sheet. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** bcrypt reads no further: two long passwords with one beginning would be one password. */
const bcryptPasswordBytesMax = 72;

/**
 * argon2id for new passwords; bcrypt up to `bcryptRoundsMax` for those of an older system. As long as there are such users
 * (`awaitsOldHashes`), every wrong password costs one argon2id and 2^bcryptRoundsMax rounds of bcrypt, whoever is named:
 * else the time would show who came from there.
 */
export class ArgonPasswordHasher implements PasswordHasher {
  readonly #lanes = new HashingLanes();
  readonly #bcryptRoundsMax: number;
  #awaitsOldHashes = false;
  #decoy: Promise<string> | undefined;

  constructor(options: { readonly bcryptRoundsMax: number }) {
    this.#bcryptRoundsMax = options.bcryptRoundsMax;
  }

  awaitOldHashes(): void {
    this.#awaitsOldHashes = true;
  }

  hash(password: string, order: HashOrder): Promise<string> {
    return this.#lanes.run(order, () => hash(password, cost));
  }

  async verify(password: string, held: string | undefined, order: HashOrder): Promise<boolean> {
    this.#decoy ??= hash('the password of nobody', cost);
    const decoy = await this.#decoy;
    return this.#lanes.run(order, async () => {
      const rounds = held === undefined ? undefined : bcryptCost(held);
      if (held !== undefined && rounds !== undefined) {
        if (await this.#isRightBcrypt(password, held, rounds)) return true;
        await this.#spendRounds(password, rounds);
        await verify(decoy, password);
        return false;
      }
      const isRight = await verify(held ?? decoy, password);
      if (isRight && held !== undefined) return true;
      if (this.#awaitsOldHashes) await bcrypt.hash(password, this.#bcryptRoundsMax);
      return false;
    });
  }

  isOutdated(held: string): boolean {
    return !held.startsWith(`$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$`);
  }

  async #isRightBcrypt(password: string, held: string, rounds: number): Promise<boolean> {
    if (rounds > this.#bcryptRoundsMax) return false;
    const isSame = await bcrypt.compare(password, held);
    return isSame && Buffer.byteLength(password) <= bcryptPasswordBytesMax;
  }

  /** As many rounds as are missing to 2^max after 2^from were done: 2^from + 2^(from+1) + … + 2^(max-1). */
  async #spendRounds(password: string, from: number): Promise<void> {
    if (from > this.#bcryptRoundsMax) await bcrypt.hash(password, this.#bcryptRoundsMax);
    for (let rounds = from; rounds < this.#bcryptRoundsMax; rounds += 1) await bcrypt.hash(password, rounds);
  }
}
