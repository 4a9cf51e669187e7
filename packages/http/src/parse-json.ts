import { randomBytes } from 'node:crypto';
import { exactNumber, HybridStoreError, isRecord } from '@hybridstore/runtime';
import { isDeeperThan, isPlainJson, nestingOf } from './plain-json.ts';
import { type LongNumbers, nestedDeeper, scanTokens } from './scan-tokens.ts';

export type JsonBounds = {
  readonly depthMax: number;
  /**
   * Numbers that JavaScript would print in another way become `ExactNumber`, as they are written: 9007199254740993, 1.50,
   * 1e2, -0. Otherwise those that a 64-bit floating point number would change are refused.
   */
  readonly keepsNumbers?: boolean;
};

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * JSON of a request body, or `invalid_request` that says where it breaks. Refuses bad UTF-8, nesting beyond the bound and
 * `__proto__` as a key, which would set a prototype in careless code later.
 *
 * JSON.parse with a reviver takes minutes for some texts of a few megabytes (it keeps the source of each value in lists
 * that it copies), so there is none here. Where a text may hold such things at all, one pass over the bytes finds what
 * must be refused and the numbers that must be kept, and those travel through JSON.parse as texts.
 */
export function parseJson(body: Buffer, bounds: JsonBounds): unknown {
  if (body.length === 0) return undefined;
  const text = decodeUtf8(body);
  const nesting = nestingOf(body, bounds.depthMax);
  if (nesting === 'sparse' || !isPlainJson(body, text, bounds.keepsNumbers === true))
    return parseScanned(body, text, bounds);
  const value = parseText(text);
  if (nesting === 'dense' && isDeeperThan(bounds.depthMax, value)) throw nestedDeeper(bounds.depthMax);
  return value;
}

function parseScanned(body: Buffer, text: string, bounds: JsonBounds): unknown {
  const { hasPrototypeKey, longNumbers } = scanTokens(body, text, {
    depthMax: bounds.depthMax,
    longNumbersMax: bounds.keepsNumbers === true ? Number.POSITIVE_INFINITY : 1,
    keepsSpelling: bounds.keepsNumbers === true,
  });
  if (hasPrototypeKey) {
    parseText(text);
    throw new HybridStoreError('invalid_request', 'body: __proto__ is not a known field', { field: '__proto__' });
  }
  if (longNumbers.count === 0) return parseText(text);
  if (bounds.keepsNumbers === true) return parseExactly(body, text, longNumbers);
  parseText(text);
  throw longNumberRefused(body, longNumbers);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `body: not valid JSON (${cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable'})`,
      { field: 'body', expected: 'JSON' },
    );
  }
}

function decodeUtf8(body: Buffer): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      'body: not valid UTF-8',
      { field: 'body', expected: 'UTF-8' },
      { cause },
    );
  }
}

/** Rare in texts, and nothing that JSON must escape. */
const shortMark = '\x7f';
const markBytes = 9;

/** Long numbers stand in the text as strings behind a mark, and become what they are afterwards. */
function parseExactly(body: Buffer, text: string, longNumbers: LongNumbers): unknown {
  const mark = mayHold(text, shortMark) ? randomBytes(markBytes).toString('base64url') : shortMark;
  const root = { value: parseText(markNumbers(body, longNumbers, mark).toString()) };
  putNumbersBack(root, mark);
  return root.value;
}

/** As itself or as an escape. Where it may, the mark is one that nobody can guess. */
function mayHold(text: string, character: string): boolean {
  return text.includes(character) || text.includes('\\u00');
}

function markNumbers(body: Buffer, { starts, ends, count }: LongNumbers, mark: string): Buffer {
  const opening = Buffer.from(`"${mark}`);
  const marked = Buffer.allocUnsafe(body.length + count * (opening.length + 1));
  let from = 0;
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    at = copyBytes(body, from, starts[index]!, marked, at);
    at = copyBytes(opening, 0, opening.length, marked, at);
    at = copyBytes(body, starts[index]!, ends[index]!, marked, at);
    marked[at] = 0x22;
    at += 1;
    from = ends[index]!;
  }
  return marked.subarray(0, copyBytes(body, from, body.length, marked, at));
}

/** A loop is cheaper than a call into the runtime for so few bytes. */
const loopCopyBytesMax = 64;

function copyBytes(source: Buffer, from: number, end: number, target: Buffer, at: number): number {
  if (end - from > loopCopyBytesMax) source.copy(target, at, from, end);
  else for (let index = from; index < end; index += 1) target[at + index - from] = source[index]!;
  return at + end - from;
}

/** As deep as the body, which is bounded. */
function putNumbersBack(parent: unknown, mark: string): void {
  if (Array.isArray(parent)) {
    for (let index = 0; index < parent.length; index += 1) {
      const value: unknown = parent[index];
      if (typeof value === 'string') {
        if (value.startsWith(mark)) parent[index] = exactNumber(value.slice(mark.length));
      } else if (typeof value === 'object') putNumbersBack(value, mark);
    }
  } else if (isRecord(parent)) {
    const record: Record<string, unknown> = parent;
    for (const key in record) {
      const value = record[key];
      if (typeof value === 'string') {
        if (value.startsWith(mark)) record[key] = exactNumber(value.slice(mark.length));
      } else if (typeof value === 'object') putNumbersBack(value, mark);
    }
  }
}

const shownDigitsMax = 40;

/** Names the first number that the handler would get as another one. */
function longNumberRefused(body: Buffer, { starts, ends }: LongNumbers): HybridStoreError {
  const [start, end] = [starts[0]!, ends[0]!];
  const shown = body.toString('latin1', start, Math.min(end, start + shownDigitsMax));
  const number = end - start > shownDigitsMax ? `${shown}…` : shown;
  const rounded = String(Number(body.toString('latin1', start, end)));
  const field = fieldAt(body, start);
  return new HybridStoreError(
    'invalid_request',
    `${field}: the number ${number} would be rounded to ${rounded}; send it as text`,
    { field, expected: 'a number that 64-bit floating point keeps', actual: number },
  );
}

const shownFieldMax = 128;

/** The key, or the place in its array, of the value at `position` of a text that is valid JSON. */
function fieldAt(body: Buffer, position: number): string {
  const open: { key: string | undefined; index: number }[] = [];
  let [keyStart, keyEnd] = [0, 0];
  for (let at = 0; at < position; at += 1) {
    const byte = body[at]!;
    const parent = open.at(-1);
    if (byte === 0x22) {
      keyStart = at;
      for (at += 1; body[at] !== 0x22; at += 1) if (body[at] === 0x5c) at += 1;
      keyEnd = at + 1;
    } else if (byte === 0x7b) open.push({ key: '', index: 0 });
    else if (byte === 0x5b) open.push({ key: undefined, index: 0 });
    else if (byte === 0x7d || byte === 0x5d) open.pop();
    else if (byte === 0x2c && parent) parent.index += 1;
  }
  const parent = open.at(-1);
  if (!parent) return 'body';
  if (parent.key === undefined) return String(parent.index);
  const key = String(JSON.parse(body.toString('utf8', keyStart, keyEnd)));
  return key.length <= shownFieldMax ? key : `${key.slice(0, shownFieldMax).toWellFormed()}…`;
}
