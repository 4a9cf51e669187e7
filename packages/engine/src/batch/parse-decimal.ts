const exponentMax = 400;

/**
 * Decimals are exact: a value that does not fit the scale or the precision is refused, never rounded.
 *
 * `value × 10^scale` as an integer of at most `precision` digits, or undefined when `text` is no number in plain or
 * exponent notation, or needs more digits than the type has.
 */
export function parseDecimal(text: string, precision: number, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match) return undefined;
  const exponent = Number(match[4] ?? 0);
  if (Math.abs(exponent) > exponentMax) return undefined;
  const fraction = match[3] ?? '';
  const unscaled = shiftDigits((match[2] ?? '') + fraction, exponent - fraction.length + scale);
  if (unscaled === undefined || unscaled.length > precision) return undefined;
  const magnitude = unscaled === '' ? 0n : BigInt(unscaled);
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Digits × 10^shift without leading zeros, or undefined when a non-zero digit would be cut off. */
function shiftDigits(digits: string, shift: number): string | undefined {
  if (shift >= 0) return trimZeros(digits + '0'.repeat(shift));
  const kept = Math.max(0, digits.length + shift);
  return /[1-9]/.test(digits.slice(kept)) ? undefined : trimZeros(digits.slice(0, kept));
}

function trimZeros(digits: string): string {
  return digits.replace(/^0+/, '');
}

/** Text with exactly `scale` digits after the point: the form of Delta partition values and statistics. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
