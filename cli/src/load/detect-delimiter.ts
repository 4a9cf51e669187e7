const candidates = [',', ';', '\t'] as const;
const names: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' };

/** `semicolons`, as sentences call what stands between the columns. */
export function nameDelimiter(delimiter: string): string {
  return names[delimiter] ?? delimiter;
}

/** The one of comma, semicolon and tab that the header holds most of, outside of quotes; a comma when it holds none. */
export function detectDelimiter(header: string, quote: string): string {
  const bare =
    quote === ''
      ? header
      : header.replaceAll(
          new RegExp(`${RegExp.escape(quote)}[^${RegExp.escape(quote)}]*(?:${RegExp.escape(quote)}|$)`, 'g'),
          '',
        );
  const count = (delimiter: string) => bare.split(delimiter).length - 1;
  return candidates.reduce((best, one) => (count(one) > count(best) ? one : best));
}
