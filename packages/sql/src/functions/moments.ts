import type { DatePart } from '@hybridstore/contracts';
import { cast } from '@hybridstore/plan';
import { isText, readJsonAs, type Typed, typed } from '../bind/types.ts';

/** Texts and JSON where a moment is expected: the engine's parts of dates take no text. */
export function moment(value: Typed, type: 'date' | 'timestamp' = 'timestamp'): Typed {
  if (value.type === 'json') return readJsonAs(value, type);
  return isText(value.type) || value.type === 'null' ? typed(cast(value.node, type), type) : value;
}

export function partOf(part: DatePart, value: Typed): Typed {
  const base = value.type === 'time' || value.type === 'interval' ? value : moment(value);
  return typed({ kind: 'extract', part, value: base.node }, part === 'epoch' ? 'double' : 'bigint');
}
