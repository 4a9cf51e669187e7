const binary: Readonly<Record<string, bigint>> = {
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};
/** Powers of ten; quantities have nano precision. */
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const nanoDigits = 9;
const shape = /^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?\d{1,2})$/;

/** The same few amounts are read over and over; beyond this many different ones all are forgotten. */
const knownMax = 1_024;
const known = new Map<string, bigint | undefined>();

/**
 * Kubernetes quantities: `100m`, `1.5`, `2Gi`, `1e3`. Source: apimachinery pkg/api/resource/quantity.go.
 *
 * The value in billionths, rounded up as Kubernetes does; undefined when the text is no quantity.
 */
export function parseQuantityNanos(text: string): bigint | undefined {
  if (known.has(text)) return known.get(text);
  if (known.size >= knownMax) known.clear();
  const nanos = computeNanos(text);
  known.set(text, nanos);
  return nanos;
}

function computeNanos(text: string): bigint | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  const nanos = scale(digits, fraction.length, suffix);
  return sign === '-' ? -nanos : nanos;
}

function scale(digits: bigint, fractionDigits: number, suffix: string): bigint {
  const factor = binary[suffix];
  if (factor !== undefined) return shift(digits * factor, nanoDigits - fractionDigits);
  const exponent = decimal[suffix] ?? Number(suffix.slice(1));
  return shift(digits, exponent + nanoDigits - fractionDigits);
}

function shift(value: bigint, powerOfTen: number): bigint {
  if (powerOfTen >= 0) return value * 10n ** BigInt(powerOfTen);
  const divisor = 10n ** BigInt(-powerOfTen);
  return (value + divisor - 1n) / divisor;
}

export function isQuantity(text: string): boolean {
  return parseQuantityNanos(text) !== undefined;
}

/** Whether two texts are the same amount: the API server may answer `1` for `1000m`. */
export function isSameQuantity(left: unknown, right: unknown): boolean {
  if (!isAmount(left) || !isAmount(right)) return false;
  const nanos = parseQuantityNanos(String(left));
  return nanos !== undefined && nanos === parseQuantityNanos(String(right));
}

function isAmount(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

/** The amount as a number, for comparisons where a rounding in the 16th digit does not matter; NaN when it is none. */
export function quantityToNumber(text: string): number {
  const nanos = parseQuantityNanos(text);
  return nanos === undefined ? Number.NaN : Number(nanos) / 1e9;
}

const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const nanosPerUnit = 1_000_000_000n;

/**
 * The form in which the API server stores an amount: no fraction, the largest suffix of its family that leaves none.
 * `1024Mi` is `1Gi`, `1000m` is `1`, `1.5Gi` is `1536Mi`. Texts that are no quantity come back as they are.
 */
export function canonicalQuantity(text: string): string {
  const nanos = parseQuantityNanos(text);
  if (nanos === undefined || /[eE][+-]?\d+$/.test(text)) return text;
  if (nanos === 0n) return '0';
  const isBinary = text.endsWith('i') && nanos % nanosPerUnit === 0n;
  return isBinary ? formatIn(nanos / nanosPerUnit, 1_024n, binarySuffixes) : formatIn(nanos, 1_000n, decimalSuffixes);
}

function formatIn(amount: bigint, step: bigint, suffixes: readonly string[]): string {
  let rest = amount;
  let index = 0;
  while (index < suffixes.length - 1 && rest % step === 0n) {
    rest /= step;
    index += 1;
  }
  return `${rest}${suffixes[index]}`;
}
