import type { ResultColumn } from '@hybridstore/contracts';
import Table from 'cli-table3';
import colors from 'picocolors';

const cellWidthMax = 60;
const numericTypes = /^(integer|bigint|double|decimal|tinyint|smallint|hugeint|float|ubigint|uinteger)/i;

/** Rows as a table without inner lines; numbers to the right, nulls dim, long cells cut. */
export function formatTable(columns: readonly ResultColumn[], rows: readonly (readonly unknown[])[]): string {
  const table = new Table({
    head: columns.map((column) => colors.bold(column.name)),
    colAligns: columns.map((column) => (numericTypes.test(column.type) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  for (const row of rows) table.push(row.map(formatCell));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function formatCell(value: unknown): string {
  if (value === null || value === undefined) return colors.dim('null');
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return line.length > cellWidthMax ? `${line.slice(0, cellWidthMax - 1)}…` : line;
}

/** RFC 4180, with a header line; null is an empty cell. */
export function formatCsv(columns: readonly ResultColumn[], rows: readonly (readonly unknown[])[]): string {
  const lines = [columns.map((column) => column.name), ...rows].map((row) => row.map(formatCsvCell).join(','));
  return lines.join('\r\n');
}

function formatCsvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
