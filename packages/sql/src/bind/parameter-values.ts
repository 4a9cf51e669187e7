import type { PlanParameter } from '@hybridstore/contracts';
import { parseTimestampMicros } from '@hybridstore/plan';
import { refuseSql } from '../syntax/refusal.ts';
import { isDecimal, isFloating, isInteger, type Typed } from './types.ts';

const booleans = new Set(['true', 'false', 't', 'f', 'yes', 'no', 'y', 'n', '1', '0']);
const shownCharactersMax = 100;

type Reading = { readonly expected: string; readonly takes: (text: string) => boolean };

/** What a bound text has to look like to be a value of a type; the engine's own conversions take these and more. */
const readings: Readonly<Record<string, Reading>> = {
  bigint: { expected: 'a whole number of 64 bits', takes: (text) => /^[+-]?\d+$/.test(text) && fitsBigint(text) },
  ubigint: { expected: 'a whole number from 0', takes: (text) => /^\d+$/.test(text) },
  double: { expected: 'a number', takes: (text) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) },
  boolean: { expected: 'true or false', takes: (text) => booleans.has(text.toLowerCase()) },
  date: { expected: 'a date, YYYY-MM-DD', takes: isMoment },
  timestamp: { expected: 'a time, YYYY-MM-DD HH:MM:SS', takes: isMoment },
};

function fitsBigint(text: string): boolean {
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value;
}

function isMoment(text: string): boolean {
  return parseTimestampMicros(text) !== undefined;
}

/** The type that a bound text takes beside values of these types; undefined where it stays a text. */
export function typeBeside(types: readonly string[]): string | undefined {
  const known = types.filter((type) => type !== 'null' && type !== 'literal');
  const [first] = known;
  if (first === undefined) return undefined;
  if (known.every((type) => isInteger(type) && type !== 'hugeint' && type !== 'ubigint')) return 'bigint';
  if (known.every((type) => isInteger(type) || isDecimal(type) || isFloating(type)))
    return known.some((type) => isDecimal(type) || isFloating(type)) ? 'double' : undefined;
  return known.every((type) => type === first) && first in readings ? first : undefined;
}

export function isBoundText(value: Typed): boolean {
  return value.node.kind === 'parameter' && value.type === 'literal';
}

/** Refuses a value that is none of its parameter's type, naming the parameter as the caller does. */
export function requireReadable(parameters: readonly PlanParameter[], keys: readonly (string | number)[]): void {
  for (const [index, { type, value }] of parameters.entries()) {
    const reading = value !== null && typeof value !== 'boolean' ? readings[type] : undefined;
    if (!reading || reading.takes(String(value).trim())) continue;
    const name = describeKey(keys[index] ?? index);
    const actual = typeof value === 'string' ? value.slice(0, shownCharactersMax) : value;
    throw refuseSql(`parameter ${name}: expected ${reading.expected}, found ${JSON.stringify(actual)}`, undefined, {
      field: 'parameters',
      parameter: name,
      expected: reading.expected,
      actual,
    });
  }
}

/** `1` for the first place, `:name` for a name. */
export function describeKey(key: string | number): string {
  return typeof key === 'number' ? String(key + 1) : `:${key}`;
}
