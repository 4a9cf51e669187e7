/** What a turn is taken for. */
export type Turn = { readonly source: string; readonly caller: string };

/** Whether a turn may be taken now, or who has to give something back first: writes of its caller, of its source, or of anybody. */
export type Verdict = 'go' | 'caller waits' | 'source waits' | 'all wait';

/**
 * A line in which sources take turns, of a source its callers, and of a caller whoever came first.
 *
 * ```text
 *            next turn first                         goes
 *            a: ada 1 2 3, bob 1 | b: ada 1          a ada 1
 *            b: ada 1 | a: bob 1, ada 2 3            b ada 1
 *            a: bob 1, ada 2 3                       a bob 1
 * ```
 *
 * Who may not go yet keeps his turn, and holds up those behind him who would take away what he waits for: of his source, of
 * his caller, or all. So who waits for one of these is not overtaken for long. Left out on purpose: who waits for two of
 * them at once may be, as long as he may wait.
 */
export class FairTurns<T extends Turn> {
  readonly #sources = new Map<string, Map<string, T[]>>();
  readonly #ofCallers = new Map<string, number>();
  /** Of a caller who has to give something back, the one that waits for that. */
  readonly #waitingCallers = new Map<string, T>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  hasSource(source: string): boolean {
    return this.#sources.has(source);
  }

  /** How many of the line are a caller's. */
  ofCaller(caller: string): number {
    return this.#ofCallers.get(caller) ?? 0;
  }

  add(turn: T): void {
    const { source, caller } = turn;
    const callers = this.#sources.get(source) ?? new Map<string, T[]>();
    this.#sources.set(source, callers);
    const line = callers.get(caller) ?? [];
    callers.set(caller, line);
    line.push(turn);
    this.#count(caller, 1);
  }

  /** Whether it was in the line. */
  remove(turn: T): boolean {
    const callers = this.#sources.get(turn.source);
    const line = callers?.get(turn.caller);
    const place = line?.indexOf(turn) ?? -1;
    if (!callers || !line || place < 0) return false;
    line.splice(place, 1);
    if (this.#waitingCallers.get(turn.caller) === turn) this.#waitingCallers.delete(turn.caller);
    if (line.length === 0) callers.delete(turn.caller);
    if (callers.size === 0) this.#sources.delete(turn.source);
    this.#count(turn.caller, -1);
    return true;
  }

  /** The first that may go, out of the line; its source and its caller are last now. Undefined when nobody may. */
  take(judge: (turn: T) => Verdict): T | undefined {
    let isSomebodyFreed = false;
    for (const [source, callers] of this.#sources) {
      for (const [caller, [first]] of callers) {
        const waiting = this.#waitingCallers.get(caller);
        if (first === undefined || (waiting !== undefined && waiting !== first)) continue;
        const verdict = judge(first);
        if (verdict === 'go') return this.#go(first, source, callers);
        if (verdict === 'all wait') return undefined;
        if (verdict === 'caller waits') this.#waitingCallers.set(caller, first);
        else {
          isSomebodyFreed ||= this.#waitingCallers.delete(caller);
          break;
        }
      }
    }
    return isSomebodyFreed ? this.take(judge) : undefined;
  }

  /** Empties the line. */
  takeAll(): readonly T[] {
    const all = [...this.#sources.values()].flatMap((callers) => [...callers.values()].flat());
    this.#sources.clear();
    this.#ofCallers.clear();
    this.#waitingCallers.clear();
    this.#length = 0;
    return all;
  }

  #go(turn: T, source: string, callers: Map<string, T[]>): T {
    this.remove(turn);
    const line = callers.get(turn.caller);
    if (line) {
      callers.delete(turn.caller);
      callers.set(turn.caller, line);
    }
    if (this.#sources.delete(source)) this.#sources.set(source, callers);
    return turn;
  }

  #count(caller: string, change: 1 | -1): void {
    this.#length += change;
    const count = this.ofCaller(caller) + change;
    if (count > 0) this.#ofCallers.set(caller, count);
    else this.#ofCallers.delete(caller);
  }
}
