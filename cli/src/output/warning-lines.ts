import type { Warning } from '@hybridstore/contracts';
import { printable } from './table.ts';

/** A line for each warning of an answer. */
export function warningLines(warnings: readonly Warning[] = []): string {
  return warnings.map(({ code, message }) => `warning: ${printable(message)} (${code})\n`).join('');
}
