import type { Column, ColumnStatistics } from '@hybridstore/contracts';
import { isRecord } from '@hybridstore/runtime';
import { storedColumnType } from '../batch/column-kind.ts';

/**
 * Statistics of a file as the JSON text of an `add` action. Numbers and decimals are raw JSON numbers there and text on
 * our side, since JSON.parse would round what 64 bits or 38 digits hold.
 */
export type DeltaStatistics = {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnStatistics>>;
};

const numberKinds: ReadonlySet<string> = new Set(['integer', 'bigint', 'double', 'decimal']);
const jsonNumberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

export function encodeDeltaStatistics(statistics: DeltaStatistics, columns: readonly Column[]): string {
  const known = columns.flatMap((column) => {
    const bounds = statistics.columns[column.name];
    return bounds ? [{ column, bounds }] : [];
  });
  const side = (which: 'min' | 'max') =>
    object(
      known.flatMap(({ column, bounds }) => {
        const text = boundText(bounds[which], column);
        return text === undefined ? [] : [[column.name, text]];
      }),
    );
  const nulls = object(
    known.flatMap(({ column, bounds }) => (bounds.nulls === null ? [] : [[column.name, String(bounds.nulls)]])),
  );
  return `{"numRecords":${statistics.rows},"minValues":${side('min')},"maxValues":${side('max')},"nullCount":${nulls}}`;
}

function object(entries: readonly (readonly string[])[]): string {
  return `{${entries.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}

function boundText(bound: string | null, column: Column): string | undefined {
  if (bound === null) return undefined;
  if (!numberKinds.has(storedColumnType(column).kind)) return JSON.stringify(bound);
  return jsonNumberPattern.test(bound) ? bound : undefined;
}

/** Rows and bounds of an `add`'s statistics; undefined when there are none or they cannot be read: nothing is pruned then. */
export function decodeDeltaStatistics(stats: string | undefined | null): DeltaStatistics | undefined {
  if (!stats) return undefined;
  let parsed: unknown;
  try {
    parsed = parseKeepingNumbers(stats);
  } catch {
    // Statistics are a hint written by any engine: a reader that cannot read them goes without.
    return undefined;
  }
  if (!isRecord(parsed)) return undefined;
  const rows = Number(parsed['numRecords']);
  if (!Number.isSafeInteger(rows) || rows < 0) return undefined;
  return { rows, columns: boundsByColumn(parsed) };
}

function boundsByColumn(parsed: Readonly<Record<string, unknown>>): Record<string, ColumnStatistics> {
  const part = (name: string) => (isRecord(parsed[name]) ? parsed[name] : {});
  const [minimum, maximum, nulls] = [part('minValues'), part('maxValues'), part('nullCount')];
  const names = new Set([...Object.keys(minimum), ...Object.keys(maximum), ...Object.keys(nulls)]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      { min: asText(minimum[name]), max: asText(maximum[name]), nulls: asCount(nulls[name]) },
    ]),
  );
}

function asText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function asCount(value: unknown): number | null {
  const count = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/** Numbers become their own text where parsing could change them; the reviver is slow, so it runs only there. */
function parseKeepingNumbers(text: string): unknown {
  if (!/[\d.][\d.eE+-]{14}/.test(text) && !/\d\.\d*0[,}]/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value, context?: { readonly source?: string }) =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value,
  );
}
