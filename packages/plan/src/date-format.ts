import { HybridStoreError } from '@hybridstore/contracts';

/**
 * What a format of a date may name, after `%`. The engine has two more: `%n` (nanoseconds) writes nine characters and
 * counts as many as it likes, so that a text ends in memory of other statements, and makes `strptime` answer another type;
 * `%Z` (name of a time zone) has no meaning where all clocks are UTC.
 */
const specifiers: ReadonlySet<string> = new Set([
  ...['a', 'A', 'w', 'u', 'd', '-d', 'j', '-j', 'U', 'W', 'V'],
  ...['b', 'B', 'm', '-m', 'y', '-y', 'Y', 'G'],
  ...['H', '-H', 'I', '-I', 'p', 'M', '-M', 'S', '-S', 'g', 'f', 'z'],
  ...['c', 'x', 'X', '%'],
]);
export const dateFormatCharactersMax = 1_024;

/**
 * The format anew, made of specifiers of the list and plain text: what the engine reads is what was understood here.
 * `invalid_request` names the first part that is neither.
 */
export function readDateFormat(format: string): string {
  if (format.length > dateFormatCharactersMax)
    throw wrongFormat(`longer than ${dateFormatCharactersMax} characters`, format.length);
  if (format.includes('\0') || !format.isWellFormed())
    throw wrongFormat('not a text of whole characters', 'NUL or half a character');
  const parts: readonly string[] = format.match(/%-?.?|[^%]+/gsu) ?? [];
  for (const part of parts) {
    if (part.startsWith('%') && !specifiers.has(part.slice(1))) throw wrongFormat(`${part} is not supported`, part);
  }
  return parts.join('');
}

function wrongFormat(what: string, actual: string | number): HybridStoreError {
  return new HybridStoreError('invalid_request', `a format of a date: ${what}`, {
    expected: [...specifiers].map((name) => `%${name}`),
    actual,
  });
}
