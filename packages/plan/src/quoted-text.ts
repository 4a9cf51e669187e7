import { HybridStoreError } from '@hybridstore/contracts';

/** `"name"` with inner quotes doubled. */
export function quoteName(name: string): string {
  requirePrintable(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'text'` with inner quotes doubled. */
export function quoteText(value: string): string {
  requirePrintable(value);
  return `'${value.replaceAll("'", "''")}'`;
}

/** The engine's parser ends its text at a NUL. */
function requirePrintable(value: string): void {
  if (value.includes('\0')) throw new HybridStoreError('invalid_request', 'a name or text holds a NUL character');
}
