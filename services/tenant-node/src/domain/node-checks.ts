import type { CheckLine, LogChecked, LogLine, Member, SourceChecked } from '@hybridstore/contracts';
import type { CheckOnlooker, Engine, LogCheck, SourceCheck } from '@hybridstore/engine';
import { type Clock, HybridStoreError, isHybridStoreError, toHybridStoreError } from '@hybridstore/runtime';
import type { MemberLogs } from './ports.ts';

/**
 * A line of progress comes after so many bytes, and at the latest after so long: before anybody takes the silence for a
 * broken connection.
 */
const progressBytes = 64 * 1024 * 1024;
const progressMs = 5_000;

/** What one look takes in. Others' logs come after the node's own, one after the other. */
export type CheckScope = {
  readonly sourceIds: readonly string[];
  /** Whether the node's own log is read. */
  readonly ownLog: boolean;
  /** Those whose logs are asked for. */
  readonly members: readonly Member[];
  /** Said before the end. */
  readonly notes: readonly string[];
};

export type NodeChecksParts = {
  readonly engine: Pick<Engine, 'check' | 'checkLog'>;
  readonly pod: string;
  readonly memberLogs: MemberLogs;
  readonly clock: Clock;
};

type Found = { sources: number; logs: number; damaged: number };

/** Looks at every byte of sources and logs because somebody asked for it: one look at a time, for each costs the disk its rate. */
export class NodeChecks {
  readonly #parts: NodeChecksParts;
  #isRunning = false;

  constructor(parts: NodeChecksParts) {
    this.#parts = parts;
  }

  /** `conflict` while another look is under way. The lines end with the reader: whoever stops reading them stops the look. */
  start(scope: CheckScope, signal: AbortSignal): AsyncGenerator<CheckLine> {
    return this.#begin((stop) => this.#checkAll(scope, stop), signal);
  }

  /** The same of this node's log alone, for the member that was asked. */
  startLog(signal: AbortSignal): AsyncGenerator<LogLine> {
    return this.#begin((stop) => this.#checkLog(stop), signal);
  }

  #begin<Line>(
    look: (signal: AbortSignal) => AsyncGenerator<Line, unknown>,
    signal: AbortSignal,
  ): AsyncGenerator<Line> {
    const { pod } = this.#parts;
    if (this.#isRunning)
      throw new HybridStoreError('conflict', `node ${pod} is being checked already; wait until that check has ended`, {
        node: pod,
      });
    signal.throwIfAborted();
    this.#isRunning = true;
    // Also for lines that nobody ever asks for: a generator that was not begun has no end of its own.
    signal.addEventListener('abort', () => this.#end(), { once: true });
    return this.#run(look, signal);
  }

  #end(): void {
    this.#isRunning = false;
  }

  async *#run<Line>(
    look: (signal: AbortSignal) => AsyncGenerator<Line, unknown>,
    signal: AbortSignal,
  ): AsyncGenerator<Line> {
    const stop = new AbortController();
    try {
      yield* look(AbortSignal.any([signal, stop.signal]));
    } finally {
      stop.abort(new HybridStoreError('unavailable', 'the reader went away'));
      this.#end();
    }
  }

  async *#checkAll(scope: CheckScope, signal: AbortSignal): AsyncGenerator<CheckLine> {
    const found: Found = { sources: scope.sourceIds.length, logs: 0, damaged: 0 };
    for (const sourceId of scope.sourceIds) yield* count(this.#checkSource(sourceId, signal), found);
    if (scope.ownLog) yield* count(this.#checkLog(signal), found);
    for (const member of scope.members) yield* count(this.#askMember(member, signal), found);
    for (const note of scope.notes) yield { note };
    yield { done: { node: this.#parts.pod, ...found } };
  }

  async *#checkSource(sourceId: string, signal: AbortSignal): AsyncGenerator<CheckLine> {
    const look = (onlooker: CheckOnlooker) => this.#lookAtSource(sourceId, onlooker);
    const checked = yield* this.#watch(look, signal, (bytes) => ({ progress: { source_id: sourceId, bytes } }));
    if (checked) yield { checked };
  }

  async *#checkLog(signal: AbortSignal): AsyncGenerator<LogLine> {
    const { engine, pod: log } = this.#parts;
    let total = 0;
    const onTotal = (bytes: number) => {
      total = bytes;
    };
    const look = (onlooker: CheckOnlooker) => engine.checkLog({ ...onlooker, onTotal });
    const check = yield* this.#watch(look, signal, (bytes): LogLine => ({ reading: { log, bytes, total } }));
    yield { log: describeLog(log, check) };
  }

  /** One that cannot be asked keeps nobody from what the others say, and is never passed over in silence. */
  async *#askMember(member: Member, signal: AbortSignal): AsyncGenerator<CheckLine> {
    try {
      yield* this.#parts.memberLogs.check(member, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = toHybridStoreError(error);
      yield { unchecked: { log: member.pod, code, reason: message } };
    }
  }

  /** What `look` gives in the end; until then lines of how many bytes it has read. */
  async *#watch<Line, Value>(
    look: (onlooker: CheckOnlooker) => Promise<Value>,
    signal: AbortSignal,
    describe: (bytes: number) => Line,
  ): AsyncGenerator<Line, Value> {
    const { clock } = this.#parts;
    let [bytes, shown, isOver, isLong] = [0, 0, false, false];
    let notify = () => {};
    const onRead = (read: number) => {
      bytes += read;
      if (bytes - shown >= progressBytes) notify();
    };
    const check = look({ signal, onRead }).finally(() => {
      isOver = true;
      notify();
    });
    // Whoever leaves between two lines hears of no failure any more.
    check.catch(() => {});
    while (!isOver) {
      isLong = false;
      const cancel = clock.schedule(progressMs, () => {
        isLong = true;
        notify();
      });
      await new Promise<void>((resolve) => {
        notify = resolve;
        if (isOver || bytes - shown >= progressBytes) resolve();
      });
      cancel();
      if (isOver || (bytes - shown < progressBytes && !isLong)) continue;
      shown = bytes;
      yield describe(bytes);
    }
    return check;
  }

  /** Undefined for a source that was deleted meanwhile. */
  async #lookAtSource(sourceId: string, onlooker: CheckOnlooker): Promise<SourceChecked | undefined> {
    try {
      return describeSource(await this.#parts.engine.check(sourceId, onlooker));
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

async function* count(lines: AsyncGenerator<CheckLine>, found: Found): AsyncGenerator<CheckLine> {
  for await (const line of lines) {
    if ('checked' in line) found.damaged += line.checked.problems.length;
    if ('log' in line) {
      found.damaged += line.log.problems.length;
      found.logs += 1;
    }
    yield line;
  }
}

function describeSource({
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

function describeLog(node: string, { files, bytes, problems }: LogCheck): LogChecked {
  return {
    node,
    files,
    bytes,
    problems: problems.map(({ kind, name, reason, isSpare, lost }) => ({
      kind,
      name,
      reason,
      spare: isSpare,
      ...(lost ? { after_lsn: lost.afterLsn, until_lsn: lost.untilLsn } : {}),
    })),
  };
}
