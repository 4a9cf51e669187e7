import type { DatePart } from '@hybridstore/contracts';
import { moment } from '../bind/moment-text.ts';
import { type Typed, typed } from '../bind/types.ts';

export function partOf(part: DatePart, value: Typed): Typed {
  const base = value.type === 'time' || value.type === 'interval' ? value : moment(value);
  return typed({ kind: 'extract', part, value: base.node }, part === 'epoch' ? 'double' : 'bigint');
}
