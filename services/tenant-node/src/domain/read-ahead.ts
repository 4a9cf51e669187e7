import type { RowPiece } from './ports.ts';

export type AheadEnd =
  | { readonly kind: 'whole'; readonly pieces: readonly RowPiece[] }
  | { readonly kind: 'too_large' };

/**
 * Takes pieces as they come, whether their reader takes them or not, until they are all there or more than `bytesMax`; from
 * there on at the rate of the reader. `ended` rejects as the pieces do.
 */
export class ReadAhead {
  readonly ended: Promise<AheadEnd>;
  readonly #pieces: AsyncIterator<RowPiece>;
  readonly #ahead: RowPiece[] = [];
  #isOver = false;
  #wake = Promise.withResolvers<void>();

  constructor(pieces: AsyncIterable<RowPiece>, bytesMax: number) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.ended = this.#take(bytesMax).finally(() => {
      this.#isOver = true;
      this.#wake.resolve();
    });
    // Who reads hears of it as well.
    this.ended.catch(() => {});
  }

  async #take(bytesMax: number): Promise<AheadEnd> {
    let bytes = 0;
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done) return { kind: 'whole', pieces: this.#ahead };
      this.#ahead.push(next.value);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
      bytes += next.value.bytes;
      if (bytes > bytesMax) return { kind: 'too_large' };
    }
  }

  /** All pieces from the first on; to be called once. */
  async *read(): AsyncGenerator<RowPiece> {
    for (let index = 0; ; ) {
      const piece = this.#ahead[index];
      if (piece) {
        index += 1;
        yield piece;
      } else if (this.#isOver) break;
      else await this.#wake.promise;
    }
    if ((await this.ended).kind === 'whole') return;
    this.#ahead.length = 0;
    const rest = this.#pieces;
    yield* { [Symbol.asyncIterator]: () => rest };
  }
}
