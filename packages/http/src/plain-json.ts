import { containersMax } from './scan-tokens.ts';

/**
 * Whether a text may hold what `scanTokens` looks for, beside depth: numbers that a double would change (with
 * `keepsSpelling` also those that JavaScript prints in another way), `__proto__`, more containers than may be. Most texts
 * do not, and are spared the pass over their bytes. May say yes for nothing (digits inside of a string), never no for
 * something.
 */
export function isPlainJson(body: Buffer, text: string, keepsSpelling: boolean): boolean {
  // A container has two bytes at least.
  if (body.length > containersMax * 2) return false;
  if (holdsLongTexts(body)) return false;
  return !hasLongRun(body) && !(keepsSpelling ? otherSpelling : exponent).test(text) && !mayHoldPrototypeKey(text);
}

/** Texts so long on average are skipped by the pass over the bytes, and read by the searches below. */
const longTextBytes = 512;

function holdsLongTexts(body: Buffer): boolean {
  const quotesMax = body.length / longTextBytes;
  let quotes = 0;
  for (let at = body.indexOf(quote); at >= 0 && quotes <= quotesMax; at = body.indexOf(quote, at + 1)) quotes += 1;
  return quotes > 0 && quotes <= quotesMax;
}

const quote = 0x22;
const exponent = /[0-9][eE][-+0-9]/;
/** Or zeros at the end of a fraction, at its beginning, or behind a minus. */
const otherSpelling = /[0-9][eE][-+0-9]|\.[0-9]*0(?:[,\]}\s]|$)|-0(?:[,\]}\s]|$)|0\.0{6}/;
/** Or an escape of ASCII, as its letters may be written. Where such searches stop often, JSON.parse is slower still. */
function mayHoldPrototypeKey(text: string): boolean {
  return text.includes('__proto__') || text.includes('\\u00');
}

/** Digits and a point. A number without an exponent that a double may change is not shorter. */
const longRunBytes = 16;
const slash = 0x2f;

/** Looks at every sixteenth byte, which no longer run can avoid, and around those that may belong to one. */
function hasLongRun(body: Buffer): boolean {
  for (let probe = longRunBytes - 1; probe < body.length; probe += longRunBytes) {
    if (!isOfNumber(body[probe]!)) continue;
    let from = probe;
    while (from > probe - longRunBytes && isOfNumber(body[from - 1]!)) from -= 1;
    let to = probe + 1;
    while (to < from + longRunBytes && isOfNumber(body[to]!)) to += 1;
    if (to - from >= longRunBytes) return true;
  }
  return false;
}

/** Digits and the point, and nothing behind the end of the text. */
function isOfNumber(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x2e && byte <= 0x39 && byte !== slash;
}

/** Objects of so many bytes have so many keys that it costs more to list them than to have read them. */
const sparseBytesMin = 4_096;
/** A smaller text has no object that is large. */
const countedBytesMin = 16_384;

export type Nesting = 'shallow' | 'dense' | 'sparse';

/**
 * How the depth of a text is found. `shallow`: it has no more brackets than may be open at once. `dense`: its containers
 * are small, and to walk through its value is cheaper than through its bytes; `sparse`: the other way round.
 */
export function nestingOf(body: Buffer, depthMax: number): Nesting {
  if (body.length < countedBytesMin) return 'dense';
  const denseMin = depthMax + Math.floor(body.length / sparseBytesMin);
  let found = 0;
  for (const bracket of ['[', '{']) {
    for (let at = body.indexOf(bracket); at >= 0; at = body.indexOf(bracket, at + 1)) {
      found += 1;
      if (found > denseMin) return 'dense';
    }
  }
  return found <= depthMax ? 'shallow' : 'sparse';
}

/** Whether arrays and objects lie in each other deeper than that. Goes no deeper itself. */
export function isDeeperThan(depthMax: number, value: unknown): boolean {
  if (!isContainer(value)) return false;
  if (depthMax === 0) return true;
  if (Array.isArray(value)) {
    for (const child of value) if (isContainer(child) && isDeeperThan(depthMax - 1, child)) return true;
    return false;
  }
  for (const key in value) {
    const child = value[key];
    if (isContainer(child) && isDeeperThan(depthMax - 1, child)) return true;
  }
  return false;
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
