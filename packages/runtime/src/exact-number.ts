/** A number of JSON, digit by digit. */
export type ExactNumber = { readonly rawJSON: string };

/** Raw JSON (ECMAScript proposal-json-parse-with-source), which the platform has and its type declarations lack. */
const rawJson = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * Numbers of JSON that a 64-bit floating point number would change: integers beyond 2^53, more digits than it holds,
 * magnitudes out of its range. `JSON.stringify` writes them back digit by digit, wherever in a value they stand. The
 * platform's own raw JSON value is made only then: it costs ten times as much as this one.
 */
class ExactNumberValue {
  readonly rawJSON: string;

  /** `text`: a number as JSON spells it. */
  constructor(text: string) {
    this.rawJSON = text;
  }

  toJSON(): unknown {
    return rawJson.rawJSON(this.rawJSON);
  }
}

export function exactNumber(text: string): ExactNumber {
  return new ExactNumberValue(text);
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return value instanceof ExactNumberValue;
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
