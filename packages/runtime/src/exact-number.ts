/**
 * Numbers of JSON that a 64-bit floating point number would change: integers beyond 2^53, more digits than it holds,
 * magnitudes out of its range. They travel as the platform's raw JSON values, which `JSON.stringify` writes back digit
 * by digit, wherever in a value they stand.
 */
export type ExactNumber = { readonly rawJSON: string };

/** Raw JSON (ECMAScript proposal-json-parse-with-source), which the platform has and its type declarations lack. */
const rawJson = JSON as unknown as {
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): boolean;
};

/** `text`: a number as JSON spells it. */
export function exactNumber(text: string): ExactNumber {
  return rawJson.rawJSON(text);
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return rawJson.isRawJSON(value);
}

/** Whether the number that `text` spells is the one that JavaScript would print after parsing it, however it is written. */
export function isKeptAsDouble(text: string): boolean {
  const value = Number(text);
  const printed = String(value);
  if (printed === text) return true;
  return Number.isFinite(value) && significantDigits(text) === significantDigits(printed);
}

/** `digits`e`exponent` without zeros at either end: equal for equal numbers, the sign aside. */
function significantDigits(text: string): string {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  return `${trimmed}e${Number(power) - fraction.length + digits.length - trimmed.length}`;
}
