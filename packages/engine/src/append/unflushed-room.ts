/**
 * How the bound on unflushed bytes is shared between the sources of a node. Half of it is split evenly: what a source has
 * there nobody can take, so one whose flush fails never refuses the writes of others. The other half is for whoever needs
 * it, but nobody takes more of it than is left after that; so each further source that is stuck takes half of the rest.
 *
 *   bound 256 MiB, 4 sources    32 MiB | 32 | 32 | 32 ‖ 128 for all: the first may take 64, then the next 32, …
 *
 * A frame that is larger than all this gets in when its source has nothing unflushed and the node is below its bound; so the
 * bytes stay below the bound and one frame.
 */
export type UnflushedUse = {
  readonly heldBytes: number;
  /** How many sources there are, this one among them. */
  readonly sources: number;
  /** What each of the others has: asked for only by who needs more than its own part. */
  readonly othersBytes: () => readonly number[];
};

export function hasRoom(bytesMax: number, use: UnflushedUse, frameBytes: number): boolean {
  const wanted = use.heldBytes + frameBytes;
  const guaranteed = guaranteedBytes(bytesMax, use.sources);
  if (wanted <= guaranteed) return true;
  const others = use.othersBytes();
  if (wanted <= guaranteed + sharedBytes(bytesMax, guaranteed, others)) return true;
  return use.heldBytes === 0 && sum(others) < bytesMax;
}

/** Whether a source has half of what it may have: a flush is due before its writes are refused. */
export function isHalfFull(bytesMax: number, use: UnflushedUse): boolean {
  const guaranteed = guaranteedBytes(bytesMax, use.sources);
  if (use.heldBytes * 2 < guaranteed) return false;
  return use.heldBytes * 2 >= guaranteed + sharedBytes(bytesMax, guaranteed, use.othersBytes());
}

function guaranteedBytes(bytesMax: number, sources: number): number {
  return Math.floor(bytesMax / 2 / Math.max(1, sources));
}

/** Of the half that is for all: half of what the others leave. */
function sharedBytes(bytesMax: number, guaranteed: number, others: readonly number[]): number {
  const taken = sum(others.map((bytes) => Math.max(0, bytes - guaranteed)));
  return Math.max(0, Math.floor((bytesMax / 2 - taken) / 2));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
