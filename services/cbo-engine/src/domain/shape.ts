import { createHash } from 'node:crypto';
import type { LogicalPlan } from '@hybridstore/contracts';

/** Plans that differ in values only have one shape: literals and parameters count by their types. 16 hex digits. */
export function shapeOf(plan: LogicalPlan): string {
  const text = JSON.stringify(plan, (key, value: unknown) => {
    if (key === 'parameters' || key === 'value') return isScalar(value) ? undefined : value;
    return value;
  });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
