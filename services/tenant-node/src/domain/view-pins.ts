type Pin = { release(): void };

/** What keeps the files of one query's views. A pin that comes after the query has let go is let go of at once. */
export class ViewPins {
  #held: Pin[] | undefined = [];

  add(pin: Pin): void {
    if (this.#held) this.#held.push(pin);
    else pin.release();
  }

  release(): void {
    const pins = this.#held ?? [];
    this.#held = undefined;
    for (const pin of pins) pin.release();
  }
}
