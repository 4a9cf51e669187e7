/** What the operators of a plan handle, counted while its cardinalities are estimated; `cost.ts` turns it into time. Rows unless said. */
export type Work = {
  scanned: number;
  filtered: number;
  built: number;
  probed: number;
  grouped: number;
  sorted: number;
  windowed: number;
  produced: number;
  /** Bytes held at once by the largest join build, grouping or sort. */
  heldBytes: number;
};

export function noWork(): Work {
  return {
    scanned: 0,
    filtered: 0,
    built: 0,
    probed: 0,
    grouped: 0,
    sorted: 0,
    windowed: 0,
    produced: 0,
    heldBytes: 0,
  };
}

export function hold(work: Work, bytes: number): void {
  work.heldBytes = Math.max(work.heldBytes, bytes);
}
