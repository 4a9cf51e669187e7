import type { ResultColumn } from '@hybridstore/contracts';
import Table from 'cli-table3';
import { type Paint, plain } from '../io.ts';

const cellWidthMax = 60;
const numericTypes = /^(integer|bigint|double|decimal|tinyint|smallint|hugeint|float|ubigint|uinteger)/i;
const noLines = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('middle', 'mid-mid', 'left-mid', 'right-mid')
    .map((name) => [name, '']),
);

/** Rows as a table without lines; numbers to the right, nulls dim, long cells cut. */
export function formatTable(
  columns: readonly ResultColumn[],
  rows: readonly (readonly unknown[])[],
  paint: Paint = plain,
): string {
  return formatCells(
    columns.map(({ name, type }) => ({ name: printable(name), align: numericTypes.test(type) ? 'right' : 'left' })),
    rows.map((row) => row.map((value) => formatCell(value, paint))),
    paint,
  );
}

export type TableColumn = { readonly name: string; readonly align: 'left' | 'right' };

/** Texts as they stand, in aligned columns below bold names. */
export function formatCells(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  paint: Paint = plain,
): string {
  const table = new Table({
    head: columns.map((column) => paint.bold(column.name)),
    colAligns: columns.map((column) => column.align),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: noLines,
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function formatCell(value: unknown, paint: Paint): string {
  if (value === null || value === undefined) return paint.dim('null');
  const line = printable(typeof value === 'object' ? JSON.stringify(value) : String(value));
  const characters = [...line];
  return characters.length > cellWidthMax ? `${characters.slice(0, cellWidthMax - 1).join('')}…` : line;
}

/** Line breaks would tear a table apart; other control characters would be carried out by the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·');
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
