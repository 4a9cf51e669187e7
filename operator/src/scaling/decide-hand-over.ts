/**
 * Scale-in is a hand-over, not a deletion:
 *
 *   wanted < size ──→ mark the highest node as leaving (status) ──→ ask it to drain, again and again ──→ drained
 *        │                                                                                                 │
 *        └── demand rises: take the request back, forget the mark            size − 1, one node at a time ─┘
 *
 * Invariants, each with a test of its name:
 *   only the highest node leaves           (a StatefulSet removes no other)
 *   a mark comes before the request        (an operator that dies in between finds the mark and goes on)
 *   the size drops by one, after a report of this very pass that says drained
 *   an unreachable node never leaves, except one whose volume was never bound, which cannot hold a row, and one that a
 *   person has given up with its rows
 *   rising demand cancels
 *
 * Deliberately left out: any force of its own. A drain that does not end is shown to people (`isStalled`), who decide.
 */
export type NodeReport =
  | { readonly kind: 'draining'; readonly unflushedRows: number; readonly error?: string }
  | { readonly kind: 'drained' }
  | { readonly kind: 'unreachable'; readonly message: string };

export type HandOverInput = {
  /** Nodes that the StatefulSet asks for now. */
  readonly size: number;
  readonly wanted: number;
  /** Ordinals marked in the status. */
  readonly marked: ReadonlySet<number>;
  /** Answers of this pass, for marked nodes only. */
  readonly reports: ReadonlyMap<number, NodeReport>;
  /** Nodes that may go without a word: their log volume was never bound, or they were given up with what is on it. */
  readonly mayGo: ReadonlySet<number>;
};

/** What to do next. `size` is what the StatefulSet may be given now. */
export type HandOver = {
  readonly size: number;
  /** To be in the status before anything else happens. */
  readonly mark: readonly number[];
  /** To be asked to drain in the next pass (already marked, not drained yet). */
  readonly drain: readonly number[];
  /** Marked, but wanted again: to be asked to stay, then unmarked. */
  readonly cancel: readonly number[];
};

/** Nodes that leave at once: others take over what one hands over, so one at a time keeps them unburdened. */
export const leavingNodesMax = 1;

export function decideHandOver(input: HandOverInput): HandOver {
  const { size, wanted, marked } = input;
  const leaving = chooseLeaving(size, wanted);
  // Marks beyond the size belong to nodes that are gone; there is nobody to be asked.
  const cancel = [...marked].filter((ordinal) => !leaving.includes(ordinal) && ordinal < Math.max(size, wanted));
  if (leaving.length === 0) return { size: Math.max(size, wanted), mark: [], drain: [], cancel };
  const gone = leaving.filter((ordinal) => marked.has(ordinal) && mayLeave(ordinal, input));
  return {
    size: gone.includes(size - 1) ? size - 1 : size,
    mark: leaving.filter((ordinal) => !marked.has(ordinal)),
    drain: leaving.filter((ordinal) => marked.has(ordinal) && !gone.includes(ordinal)),
    cancel,
  };
}

/** The ordinals that should leave next, highest first. */
export function chooseLeaving(size: number, wanted: number): readonly number[] {
  const count = Math.min(Math.max(size - wanted, 0), leavingNodesMax);
  return Array.from({ length: count }, (_, index) => size - 1 - index);
}

function mayLeave(ordinal: number, input: HandOverInput): boolean {
  const report = input.reports.get(ordinal);
  return report?.kind === 'drained' || (report?.kind === 'unreachable' && input.mayGo.has(ordinal));
}

/** After this time without an end a hand-over is called stalled. */
export const stalledAfterMs = 60_000;

export function isStalled(drainingForMs: number, report: NodeReport | undefined): boolean {
  if (report?.kind === 'drained') return false;
  return drainingForMs >= stalledAfterMs;
}
