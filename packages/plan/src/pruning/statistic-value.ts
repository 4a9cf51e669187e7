import type { PlanExpression, PlanParameter } from '@hybridstore/contracts';
import { parseTimestampMicros } from '../timestamp-text.ts';

const numberForm = /^-?\d{1,60}(\.\d{1,60})?$/;
const exactDoubleMax = 2 ** 53;

/**
 * The value of a constant in the form of file statistics of a column of `type`, or undefined when it is not constant or
 * the engine would convert the column rather than the value (a number beside a text column, say).
 */
export function statisticValue(
  node: PlanExpression,
  type: string,
  parameters: readonly PlanParameter[],
): string | undefined {
  const constant = constantOf(node, parameters);
  if (!constant || constant.value === null) return undefined;
  const value = String(constant.value);
  if (isNumberType(type)) return numberValue(constant.type, value, type);
  if (type === 'string') return constant.type === 'string' ? value : undefined;
  if (type === 'boolean') return constant.type === 'boolean' ? value : undefined;
  if (type === 'date') return dateValue(constant.type, value);
  if (type === 'timestamp') return timestampValue(constant.type, value);
  return undefined;
}

export function isNumberType(type: string): boolean {
  return (
    ['tinyint', 'smallint', 'integer', 'bigint', 'hugeint', 'ubigint', 'double', 'float'].includes(type) ||
    type.startsWith('decimal')
  );
}

function constantOf(node: PlanExpression, parameters: readonly PlanParameter[]): PlanParameter | undefined {
  switch (node.kind) {
    case 'literal':
      return { type: node.type, value: node.value };
    case 'parameter':
      return parameters[node.index];
    case 'cast': {
      const inner = constantOf(node.value, parameters);
      const isText = inner?.type === 'string' && (node.type === 'date' || node.type === 'timestamp');
      return isText && inner ? { type: node.type, value: inner.value } : undefined;
    }
    default:
      return undefined;
  }
}

/** A double beyond 2^53 stands for a range of integers, so it is left to the engine. */
function numberValue(constantType: string, value: string, type: string): string | undefined {
  if (constantType === 'double' || constantType === 'float') {
    const plain = Number(value);
    return Number.isFinite(plain) && Math.abs(plain) <= exactDoubleMax && numberForm.test(String(plain))
      ? String(plain)
      : undefined;
  }
  if (constantType === 'string') return isExactText(value, type) ? value : undefined;
  if (!isNumberType(constantType)) return undefined;
  return numberForm.test(value) ? value : undefined;
}

/** Bare text is converted to the column's type, which rounds what does not fit. */
function isExactText(value: string, type: string): boolean {
  return type === 'double' ? numberForm.test(value) : /^-?\d{1,18}$/.test(value);
}

/** A date column beside a time is compared as a timestamp, which day bounds cannot answer. */
function dateValue(constantType: string, value: string): string | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(value) && parseTimestampMicros(value) !== undefined;
  return isDay && (constantType === 'date' || constantType === 'string') ? value : undefined;
}

function timestampValue(constantType: string, value: string): string | undefined {
  if (!['date', 'timestamp', 'string'].includes(constantType)) return undefined;
  // The engine drops the offset of a bare text in some casts; such values are left to it.
  if (constantType === 'string' && /[+-]\d{2}(:?\d{2})?$/.test(value.slice(10))) return undefined;
  return parseTimestampMicros(value) === undefined ? undefined : value;
}
