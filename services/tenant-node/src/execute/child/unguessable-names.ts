import { createHmac } from 'node:crypto';

/** Names that follow from a secret of this child's life: the same thing has the same one, and nobody else can know it. */
export class UnguessableNames {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** 32 hexadecimal digits. */
  of(what: string): string {
    return createHmac('sha256', this.#secret).update(what).digest('hex').slice(0, 32);
  }
}
