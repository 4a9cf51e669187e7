import type { ParameterInput, ParameterKey, ParameterScalar, PlanParameter } from '@hybridstore/contracts';
import { refuseSql } from '../syntax/refusal.ts';
import { momentLiteral } from './moment-text.ts';
import { isDecimal, isFloating, isInteger, isTemporal, type Typed } from './types.ts';

/** By place for `?` and `$1`, by name for `:name`. */
export type ParameterValues = readonly ParameterInput[] | Readonly<Record<string, ParameterInput>>;

const booleans = new Set(['true', 'false', 't', 'f', 'yes', 'no', 'y', 'n', '1', '0']);
const shownCharactersMax = 100;

type Reading = {
  readonly expected: string;
  /** The value as the engine takes it; undefined for a text that is none of this type. */
  readonly read: (text: string) => PlanParameter | undefined;
};

function asItIs(type: string, takes: (text: string) => boolean): Reading['read'] {
  return (text) => (takes(text) ? { type, value: text } : undefined);
}

/** What a bound text has to look like to be a value of a type. */
const readings: Readonly<Record<string, Reading>> = {
  bigint: {
    expected: 'a whole number of 64 bits',
    read: asItIs('bigint', (text) => /^[+-]?\d+$/.test(text) && fitsBigint(text)),
  },
  ubigint: { expected: 'a whole number from 0', read: asItIs('ubigint', (text) => /^\d+$/.test(text)) },
  double: {
    expected: 'a number',
    read: asItIs('double', (text) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)),
  },
  boolean: { expected: 'true or false', read: asItIs('boolean', (text) => booleans.has(text.toLowerCase())) },
  date: { expected: 'a date, YYYY-MM-DD', read: (text) => readMoment(text, 'date') },
  timestamp: { expected: 'a time, YYYY-MM-DD HH:MM:SS', read: (text) => readMoment(text, 'timestamp') },
};

function readMoment(text: string, type: 'date' | 'timestamp'): PlanParameter | undefined {
  const moment = momentLiteral(text, type);
  return moment && { type: moment.type, value: moment.value };
}

function fitsBigint(text: string): boolean {
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value;
}

/** The type that a bound text takes beside values of these types; undefined where it stays a text. */
export function typeBeside(types: readonly string[]): string | undefined {
  const known = types.filter((type) => type !== 'null' && type !== 'literal');
  const [first] = known;
  if (first === undefined) return undefined;
  if (known.every((type) => isInteger(type) && type !== 'hugeint' && type !== 'ubigint')) return 'bigint';
  if (known.every(isTemporal)) return known.every((type) => type === 'date') ? 'date' : 'timestamp';
  if (known.every((type) => isInteger(type) || isDecimal(type) || isFloating(type)))
    return known.some((type) => isDecimal(type) || isFloating(type)) ? 'double' : undefined;
  return known.every((type) => type === first) && first in readings ? first : undefined;
}

export function isBoundText(value: Typed): boolean {
  return value.node.kind === 'parameter' && value.type === 'literal';
}

/**
 * The values in the form in which the engine takes them. One that is none of its parameter's type is refused, naming the
 * parameter as the caller does.
 */
export function readParameters(
  parameters: readonly PlanParameter[],
  keys: readonly ParameterKey[],
): readonly PlanParameter[] {
  return parameters.map(({ type, value }, index) => {
    const reading = value !== null && typeof value !== 'boolean' ? readings[type] : undefined;
    if (!reading) return { type, value };
    const read = reading.read(String(value).trim());
    // A number stays one.
    if (read) return typeof value === 'string' ? read : { type, value };
    const name = describeKey(keys[index] ?? index);
    const actual = typeof value === 'string' ? value.slice(0, shownCharactersMax) : value;
    throw refuseSql(`parameter ${name}: expected ${reading.expected}, found ${JSON.stringify(actual)}`, undefined, {
      field: 'parameters',
      parameter: name,
      expected: reading.expected,
      actual,
    });
  });
}

/** `1` for the first place, `:name` for a name, `:name[0]` for the first value of its list. */
export function describeKey(key: ParameterKey): string {
  if (typeof key === 'number') return String(key + 1);
  return typeof key === 'string' ? `:${key}` : `${describeKey(key[0])}[${key[1]}]`;
}

/** The one value that a key names; null where nothing is given. */
export function parameterValue(values: ParameterValues, key: ParameterKey): PlanParameter['value'] {
  const [name, item] = typeof key === 'object' ? key : [key];
  const given = valueOfKey(values, name);
  const value = item === undefined ? given : (given as readonly ParameterScalar[] | undefined)?.[item];
  return value === undefined || typeof value === 'object' ? null : value;
}

/** Undefined where nothing is given. */
export function valueOfKey(values: ParameterValues, key: string | number): ParameterInput | undefined {
  if (Array.isArray(values)) return typeof key === 'number' ? values[key] : undefined;
  const named = values as Readonly<Record<string, ParameterInput>>; // the other arm of the union
  return typeof key === 'string' && Object.hasOwn(named, key) ? named[key] : undefined;
}

export function parameterType(value: ParameterScalar): string {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'bigint' : 'double';
  return 'string';
}
