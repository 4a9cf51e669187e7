import { HybridStoreError } from '@hybridstore/contracts';
import { readDateFormat } from './date-format.ts';
import type { KnownText } from './plan-function.ts';
import { readTimeZone, timeZoneText } from './time-zone.ts';

/** The text as it may be printed for the engine; `invalid_request` where it holds what the engine must not read. */
export function readKnownText(text: string, as: KnownText['as']): string {
  switch (as) {
    case 'date_format':
      return readDateFormat(text);
    case 'pattern':
      return readPattern(text);
    case 'time_zone':
      return timeZoneText(readTimeZone(text));
  }
}

/**
 * A regular expression without `\C`, one byte of whatever is there: it cuts characters in half, and functions that are
 * given half a character read on behind the end of the text, or crash.
 */
function readPattern(pattern: string): string {
  for (const [, escaped] of pattern.matchAll(/\\(.)/gsu)) {
    if (escaped === 'C')
      throw new HybridStoreError('invalid_request', 'a regular expression: \\C is not supported', { actual: '\\C' });
  }
  return pattern;
}
