import { HybridStoreError } from '@hybridstore/runtime';
import { textOf } from '../output/table.ts';

/** How the values of an answer's column are stored in a columnar file. */
export type StoredKind =
  | { readonly kind: 'boolean' | 'int32' | 'int64' | 'double' | 'date' | 'timestamp' | 'text' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

const plainKinds: Readonly<Record<string, StoredKind>> = {
  boolean: { kind: 'boolean' },
  tinyint: { kind: 'int32' },
  smallint: { kind: 'int32' },
  integer: { kind: 'int32' },
  utinyint: { kind: 'int32' },
  usmallint: { kind: 'int32' },
  uinteger: { kind: 'int64' },
  bigint: { kind: 'int64' },
  ubigint: { kind: 'decimal', precision: 20, scale: 0 },
  hugeint: { kind: 'decimal', precision: 38, scale: 0 },
  float: { kind: 'double' },
  double: { kind: 'double' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp' },
};
const secondText = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/;
const msPerDay = 86_400_000;

/** Of a type as answers name it; text, which keeps every value, for those without a counterpart. */
export function storedKindOf(type: string): StoredKind {
  const decimal = /^decimal\((\d+),(\d+)\)$/i.exec(type);
  if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) };
  return (Object.hasOwn(plainKinds, type) ? plainKinds[type] : undefined) ?? { kind: 'text' };
}

/** A value that is not null, in its storage: days, microseconds and unscaled decimals as integers. */
export function storedValue(stored: StoredKind, value: unknown, column: string): boolean | number | bigint | string {
  switch (stored.kind) {
    case 'boolean':
      return value === true;
    case 'int32':
    case 'double':
      return Number(textOf(value));
    case 'int64':
      return BigInt(textOf(value));
    case 'decimal':
      return unscaled(textOf(value), stored.scale);
    case 'date':
      return requireFinite(Date.parse(`${textOf(value)}T00:00:00Z`) / msPerDay, value, column);
    case 'timestamp':
      return microseconds(textOf(value), column);
    case 'text':
      return textOf(value);
  }
}

function unscaled(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(`${whole}${fraction.padEnd(scale, '0').slice(0, scale)}`);
}

function microseconds(text: string, column: string): bigint {
  const [, seconds = '', fraction = ''] = secondText.exec(text) ?? [];
  const ms = requireFinite(Date.parse(`${seconds}Z`), text, column);
  return BigInt(ms) * 1_000n + BigInt(fraction.padEnd(6, '0'));
}

function requireFinite(value: number, found: unknown, column: string): number {
  if (Number.isFinite(value)) return value;
  const message = `column ${column}: expected a moment of the years 0001 to 9999, found ${String(found)}`;
  throw new HybridStoreError('invalid_request', message, { column });
}
