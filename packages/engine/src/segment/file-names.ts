/**
 * Names of the segments this engine writes: `hs-<8 digits of the log id>-<32 random digits>.parquet`. Flat and ASCII,
 * since other engines' clean-up misreads encoded paths; the log id says whose orphan a file is.
 */
const segmentPattern = /^hs-([0-9a-f]{8})-[0-9a-f]{32}\.parquet$/;
const logIdDigits = 8;
const randomDigits = 32;

export function segmentPrefix(logId: string): string {
  return `hs-${logId.slice(0, logIdDigits)}-`;
}

/** A name that begins with `prefix`, which is `segmentPrefix` and any number of the random digits, and ends in `digits`. */
export function segmentName(prefix: string, digits: string): string {
  const taken = prefix.length - segmentPrefix('0'.repeat(logIdDigits)).length;
  return `${prefix}${digits.slice(0, randomDigits - taken)}.parquet`;
}

/** Whether a file has a name of ours, and if so, whether this log's node wrote it. */
export function segmentOwner(name: string, logId: string): 'this' | 'other' | undefined {
  const match = segmentPattern.exec(name);
  if (!match) return undefined;
  return match[1] === logId.slice(0, logIdDigits) ? 'this' : 'other';
}

/** Whether this engine wrote a file, of whatever node: its statistics are then those of `segment-statistics.ts`. */
export function isOwnSegment(name: string): boolean {
  return segmentPattern.test(name);
}
