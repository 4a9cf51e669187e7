import { readFileSync, statSync } from 'node:fs';

/** sqlite.org/fileformat2.html, section 4: the last bit of the magic says in which order checksums read their words. */
const magicLittle = 0x377f0682;
const magicBig = 0x377f0683;
const headerBytes = 32;
const frameHeaderBytes = 24;

/**
 * Whether SQLite would read every frame of a write-ahead log. At the first bad one it stops, and takes the commits behind
 * for never made, without a word. True when there is no log. The log must hold one generation only (journal_size_limit = 0).
 */
export function isWalWhole(path: string): boolean {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return true;
  const log = readFileSync(path);
  if (log.length < headerBytes) return false;
  const magic = log.readUInt32BE(0);
  if (magic !== magicLittle && magic !== magicBig) return false;
  const sum = new WalChecksum(magic === magicLittle);
  sum.add(log, 0, 24);
  if (!sum.stands(log, 24)) return false;
  const salt = log.subarray(16, 24);
  const frameBytes = frameHeaderBytes + log.readUInt32BE(8);
  if ((log.length - headerBytes) % frameBytes !== 0) return false;
  for (let start = headerBytes; start < log.length; start += frameBytes) {
    sum.add(log, start, start + 8);
    sum.add(log, start + frameHeaderBytes, start + frameBytes);
    if (!salt.equals(log.subarray(start + 8, start + 16)) || !sum.stands(log, start + 16)) return false;
  }
  return true;
}

/** Runs on from frame to frame, so that no frame stands without all those before it. */
class WalChecksum {
  readonly #isLittle: boolean;
  #first = 0;
  #second = 0;

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  add(log: Buffer, from: number, to: number): void {
    let [first, second] = [this.#first, this.#second];
    for (let at = from; at < to; at += 8) {
      first = (first + this.#word(log, at) + second) >>> 0;
      second = (second + this.#word(log, at + 4) + first) >>> 0;
    }
    [this.#first, this.#second] = [first, second];
  }

  stands(log: Buffer, at: number): boolean {
    return log.readUInt32BE(at) === this.#first && log.readUInt32BE(at + 4) === this.#second;
  }

  #word(log: Buffer, at: number): number {
    return this.#isLittle ? log.readUInt32LE(at) : log.readUInt32BE(at);
  }
}
