import type { CheckLine, SourceChecked } from '@hybridstore/contracts';
import type { Engine, SourceCheck } from '@hybridstore/engine';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';

/** A line of progress comes after so many bytes, and so before anybody takes the silence for a broken connection. */
const progressBytes = 64 * 1024 * 1024;

/** Looks at every byte of sources because somebody asked for it: one look at a time, for each costs the disk its rate. */
export class SourceChecks {
  readonly #engine: Pick<Engine, 'check'>;
  readonly #pod: string;
  #isRunning = false;

  constructor(engine: Pick<Engine, 'check'>, pod: string) {
    this.#engine = engine;
    this.#pod = pod;
  }

  /** `conflict` while another look is under way. The lines end with the reader: whoever stops reading them stops the look. */
  start(sourceIds: readonly string[], signal: AbortSignal): AsyncGenerator<CheckLine> {
    if (this.#isRunning)
      throw new HybridStoreError(
        'conflict',
        `node ${this.#pod} is being checked already; wait until that check has ended`,
        {
          node: this.#pod,
        },
      );
    signal.throwIfAborted();
    this.#isRunning = true;
    // Also for lines that nobody ever asks for: a generator that was not begun has no end of its own.
    signal.addEventListener('abort', () => this.#end(), { once: true });
    return this.#run(sourceIds, signal);
  }

  #end(): void {
    this.#isRunning = false;
  }

  async *#run(sourceIds: readonly string[], signal: AbortSignal): AsyncGenerator<CheckLine> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    let damaged = 0;
    try {
      for (const sourceId of sourceIds) {
        const checked = yield* this.#checkOne(sourceId, either);
        if (!checked) continue;
        damaged += checked.problems.length;
        yield { checked };
      }
      yield { done: { node: this.#pod, sources: sourceIds.length, damaged } };
    } finally {
      stop.abort(new HybridStoreError('unavailable', 'the reader went away'));
      this.#end();
    }
  }

  async *#checkOne(sourceId: string, signal: AbortSignal): AsyncGenerator<CheckLine, SourceChecked | undefined> {
    let [bytes, shown] = [0, 0];
    let notify = () => {};
    const onRead = (read: number) => {
      bytes += read;
      notify();
    };
    let isOver = false;
    const check = this.#check(sourceId, { signal, onRead }).finally(() => {
      isOver = true;
      notify();
    });
    // Whoever leaves between two lines hears of no failure any more.
    check.catch(() => {});
    while (!isOver) {
      await new Promise<void>((resolve) => {
        notify = resolve;
        if (isOver) resolve();
      });
      if (isOver || bytes - shown < progressBytes) continue;
      shown = bytes;
      yield { progress: { source_id: sourceId, bytes } };
    }
    return check;
  }

  /** Undefined for a source that was deleted meanwhile. */
  async #check(sourceId: string, onlooker: Parameters<Engine['check']>[1]): Promise<SourceChecked | undefined> {
    try {
      return describe(await this.#engine.check(sourceId, onlooker));
    } catch (error) {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      const problem = {
        kind: 'log' as const,
        name: String(error.details['path'] ?? '_delta_log'),
        reason: error.message,
      };
      return {
        source_id: sourceId,
        readable: false,
        objects: 0,
        bytes: 0,
        files_without_checksum: 0,
        problems: [problem],
      };
    }
  }
}

function describe({
  sourceId,
  location,
  isReadable,
  filesWithoutChecksum,
  problems,
  ...rest
}: SourceCheck): SourceChecked {
  return {
    source_id: sourceId,
    ...(location === undefined ? {} : { location }),
    readable: isReadable,
    objects: rest.objects,
    bytes: rest.bytes,
    files_without_checksum: filesWithoutChecksum,
    problems: problems.map((problem) => ({ ...problem })),
  };
}
