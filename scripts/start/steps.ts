/** Progress of a start for people: one line a step, with the time it took. */
export class Steps {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  async run<T>(what: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const result = await work();
    this.#write(`  ✓ ${what.padEnd(48)} ${formatDuration(performance.now() - startedMs)}\n`);
    return result;
  }
}

function formatDuration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
