import { parseExactly } from './parse-exactly.ts';

/** A value of a columnar file that has no form here: its row is rejected, and the message says why. */
export class RefusedValue extends Error {}

/** What some engines write for a moment without end: the last number of its storage. */
const endlessDays = 2_147_483_647;
const endlessUnits = 9_223_372_036_854_775_807n;

export function requireFiniteDays(days: number): number {
  if (Math.abs(days) >= endlessDays) throw endless('date', days < 0);
  return days;
}

export function requireFiniteUnits(units: bigint): bigint {
  if (units >= endlessUnits || units <= -endlessUnits) throw endless('timestamp', units < 0n);
  return units;
}

/** An object of a map's entries. Throws for a key that stands there twice: one of its values would be lost. */
export function objectOfEntries(entries: readonly (readonly [key: string, value: unknown])[]): object {
  const keys = new Set<string>();
  for (const [key] of entries) {
    if (keys.has(key)) throw new RefusedValue(`expected each key of a map once, found ${JSON.stringify(key)} twice`);
    keys.add(key);
  }
  return Object.fromEntries(entries);
}

function endless(kind: string, isNegative: boolean): RefusedValue {
  return new RefusedValue(
    `expected a ${kind} of the years 0001 to 9999, found ${isNegative ? '-infinity' : 'infinity'}`,
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new RefusedValue('expected text in UTF-8, found other bytes', { cause });
  }
}

export function decodeJson(bytes: Uint8Array): unknown {
  const text = decodeText(bytes);
  try {
    return parseExactly(text);
  } catch (cause) {
    throw new RefusedValue(`expected JSON (${cause instanceof Error ? cause.message : 'unreadable'})`, { cause });
  }
}
