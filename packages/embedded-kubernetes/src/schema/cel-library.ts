import { parseQuantityNanos } from '@hybridstore/controller-runtime';
import { Environment } from '@marcbachmann/cel-js';

/** An amount in billionths; CEL code sees it as the opaque type `Quantity`. */
class Quantity {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

const nanosPerUnit = 1_000_000_000n;
/** Longer patterns are refused by the API server's cost limits too. */
const patternLengthMax = 1_000;

type Comparable = string | number | bigint | boolean;

/**
 * The functions which Kubernetes adds to CEL, as far as the CEL library does not bring them.
 * Source: apiserver pkg/cel/library/{lists,regex,quantity}.go.
 *
 * A fresh environment with the variables `self` and `oldSelf`, dynamically typed.
 */
export function buildCelEnvironment(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  });
  registerLists(environment);
  registerStrings(environment);
  registerQuantities(environment);
  return environment;
}

function registerLists(environment: Environment): void {
  environment
    .registerFunction('list<dyn>.isSorted(): bool', (list: Comparable[]) =>
      list.every((item, i) => i === 0 || (list[i - 1] as Comparable) <= item),
    )
    .registerFunction('list<dyn>.sum(): dyn', (list: bigint[] | number[]) => sum(list))
    .registerFunction('list<dyn>.min(): dyn', (list: Comparable[]) => pick(list, (a, b) => a < b))
    .registerFunction('list<dyn>.max(): dyn', (list: Comparable[]) => pick(list, (a, b) => a > b))
    .registerFunction('list<dyn>.indexOf(dyn): int', (list: Comparable[], item: Comparable) =>
      BigInt(list.indexOf(item)),
    )
    .registerFunction('list<dyn>.lastIndexOf(dyn): int', (list: Comparable[], item: Comparable) =>
      BigInt(list.lastIndexOf(item)),
    );
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.length === 0) return 0n;
  return list.every((item) => typeof item === 'bigint')
    ? list.reduce((total: bigint, item) => total + item, 0n)
    : list.reduce((total: number, item) => total + Number(item), 0);
}

function pick(list: readonly Comparable[], isBetter: (a: Comparable, b: Comparable) => boolean): Comparable {
  const [first, ...rest] = list;
  if (first === undefined) throw new RangeError('min or max called on empty list');
  return rest.reduce((best, item) => (isBetter(item, best) ? item : best), first);
}

function registerStrings(environment: Environment): void {
  environment
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, to),
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => text.match(toRegExp(pattern))?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      [...text.matchAll(toRegExp(pattern, 'g'))].map((match) => match[0]),
    )
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => text.charAt(Number(index)))
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text));
}

function toRegExp(pattern: string, flags = ''): RegExp {
  if (pattern.length > patternLengthMax)
    throw new RangeError(`a pattern may not be longer than ${patternLengthMax} characters`);
  return new RegExp(pattern, flags);
}

function registerQuantities(environment: Environment): void {
  environment
    .registerType('Quantity', { ctor: Quantity, fields: {} })
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantityNanos(text) !== undefined)
    .registerFunction('quantity(dyn): Quantity', (text: unknown) => toQuantity(String(text)))
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: Quantity, b: Quantity) => a.nanos < b.nanos)
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: Quantity, b: Quantity) => a.nanos > b.nanos)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: Quantity, b: Quantity) =>
      BigInt(a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0),
    )
    .registerFunction('Quantity.sign(): int', (a: Quantity) => BigInt(a.nanos < 0n ? -1 : a.nanos > 0n ? 1 : 0))
    .registerFunction('Quantity.isInteger(): bool', (a: Quantity) => a.nanos % nanosPerUnit === 0n)
    .registerFunction('Quantity.asInteger(): int', (a: Quantity) => toInteger(a))
    .registerFunction('Quantity.asApproximateFloat(): double', (a: Quantity) => Number(a.nanos) / Number(nanosPerUnit))
    .registerFunction('Quantity.add(Quantity): Quantity', (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos))
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos),
    );
}

function toQuantity(text: string): Quantity {
  const nanos = parseQuantityNanos(text);
  if (nanos === undefined) throw new RangeError('quantities must match the regular expression of a quantity');
  return new Quantity(nanos);
}

function toInteger(quantity: Quantity): bigint {
  if (quantity.nanos % nanosPerUnit !== 0n) throw new RangeError('cannot convert value to integer');
  return quantity.nanos / nanosPerUnit;
}
