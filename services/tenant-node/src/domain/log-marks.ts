/**
 * What is known of another member's log, of one source: every row that it acknowledged before `askedMs` has an LSN up to
 * `acknowledgedLsn`. It stays true whatever becomes of the member.
 */
export type LogMark = {
  /** By the monotonic clock, before the question left. */
  readonly askedMs: number;
  readonly acknowledgedLsn: number;
  /** Where the table of this life of the source is: a mark says nothing about another life. */
  readonly location: string;
};

/** Of one log and source; the oldest of them is the one that a commit covers most likely. */
const marksMax = 32;
/** Between two marks that are kept, but for the newest: queries come many a second. */
const spacingMs = 1_000;
/** Pairs of a source and a log; the one that was noted longest ago goes first. */
const logsMax = 8_192;

/**
 * How far the logs of the other members were known, and when. A member that is away goes on acknowledging for all that is
 * known, so a mark is worth less the older it is. Several are kept: the newest may speak of rows that are in no table yet,
 * and that nobody holds, where an older one does not.
 */
export class LogMarks {
  readonly #marks = new Map<string, readonly LogMark[]>();

  /** `committedLsn` is how far the log was committed at least when it answered. */
  note(sourceId: string, log: string, mark: LogMark, committedLsn: number): void {
    const key = keyOf(sourceId, log);
    const kept = thin(withMark(this.#marks.get(key) ?? [], mark), committedLsn);
    this.#marks.delete(key);
    this.#marks.set(key, kept);
    if (this.#marks.size > logsMax) this.#marks.delete(this.#marks.keys().next().value ?? key);
  }

  /** The newest of one life of the source up to `lsn`. */
  newest(sourceId: string, log: string, { location, lsn }: { readonly location: string; readonly lsn: number }) {
    const marks = this.#marks.get(keyOf(sourceId, log)) ?? [];
    return marks.findLast((mark) => mark.location === location && mark.acknowledgedLsn <= lsn);
  }
}

function keyOf(sourceId: string, log: string): string {
  return `${sourceId} ${log}`;
}

/** In the order in which they were asked for. What was asked for later and says no more LSNs leaves nothing to the earlier. */
function withMark(marks: readonly LogMark[], mark: LogMark): readonly LogMark[] {
  const others = marks.filter((other) => other.location === mark.location && !isBetter(mark, other));
  if (others.some((other) => isBetter(other, mark))) return others;
  return [...others, mark].sort((a, b) => a.askedMs - b.askedMs);
}

function isBetter(mark: LogMark, other: LogMark): boolean {
  return mark.askedMs >= other.askedMs && mark.acknowledgedLsn <= other.acknowledgedLsn;
}

/** Of marks that are covered by a commit the newest is enough. */
function thin(marks: readonly LogMark[], committedLsn: number): readonly LogMark[] {
  const first = Math.max(
    0,
    marks.findLastIndex((mark) => mark.acknowledgedLsn <= committedLsn),
  );
  const kept: LogMark[] = [];
  for (const mark of marks.slice(first)) {
    const [before, last] = kept.slice(-2);
    if (before && last && last.askedMs - before.askedMs < spacingMs) kept.pop();
    kept.push(mark);
  }
  if (kept.length > marksMax) kept.splice(1, kept.length - marksMax);
  return kept;
}
