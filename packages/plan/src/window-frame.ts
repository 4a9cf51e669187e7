import {
  type FrameBound,
  HybridStoreError,
  type PlanExpression,
  type PlanParameter,
  type WindowFrame,
} from '@hybridstore/contracts';

const exactType = /int|^decimal/;
/** How far from its row a bound stands, in rows, in units of the sorting key, or in one unit of time. */
type Offset = { readonly unit: string; readonly amount: number };

/** Few enough digits that a double keeps any two of them apart. */
const amountForm = /^(\d{1,15}|\d{1,9}\.\d{1,6})$/;

/**
 * Refuses a frame that may end before it begins. Quantiles over such a frame are read from memory that nobody has written,
 * which shows what other statements left there; so an offset is known with the plan, and no frame is turned round:
 *
 *     3 PRECEDING … CURRENT ROW    1 FOLLOWING … 3 FOLLOWING    x PRECEDING … 1 FOLLOWING    3 FOLLOWING … 1 FOLLOWING
 *     taken                        taken                        refused: rows decide         refused
 */
export function requireSoundFrame({ start, end }: WindowFrame, parameters: readonly PlanParameter[]): void {
  const from = place(start, parameters);
  const to = place(end, parameters);
  if (from.side !== to.side) {
    if (from.side < to.side) return;
  } else if (from.offset && to.offset) {
    const [far, near] = from.side < 0 ? [from.offset, to.offset] : [to.offset, from.offset];
    if (far.unit === near.unit && far.amount >= near.amount) return;
  } else if (from.side === 0) return;
  throw new HybridStoreError('invalid_request', 'plan: a window frame ends before it begins', {
    expected: 'a start before the end, in one unit where both stand on one side',
  });
}

type Place = { readonly side: number; readonly offset?: Offset };

/** Sides rise from the first row of the partition to the last one. */
function place(bound: FrameBound, parameters: readonly PlanParameter[]): Place {
  switch (bound.kind) {
    case 'unbounded_preceding':
      return { side: -2 };
    case 'preceding':
      return { side: -1, offset: requireOffset(bound.value, parameters) };
    case 'current_row':
      return { side: 0 };
    case 'following':
      return { side: 1, offset: requireOffset(bound.value, parameters) };
    case 'unbounded_following':
      return { side: 2 };
  }
}

function requireOffset(value: PlanExpression, parameters: readonly PlanParameter[]): Offset {
  const offset = readOffset(value, parameters);
  if (offset) return offset;
  throw new HybridStoreError(
    'invalid_request',
    'plan: an offset of a window frame is a number or an interval of the plan',
    {
      expected: 'a number or interval that is not negative',
    },
  );
}

function readOffset(value: PlanExpression, parameters: readonly PlanParameter[]): Offset | undefined {
  switch (value.kind) {
    case 'literal':
      return readAmount(value);
    case 'parameter':
      return readAmount(parameters[value.index]);
    case 'cast': {
      const amount = value.type === 'double' ? readOffset(value.value, parameters) : undefined;
      return amount && { unit: 'double', amount: amount.amount };
    }
    case 'interval': {
      const count = readOffset(value.value, parameters);
      const isNumber = count?.unit === 'exact' || count?.unit === 'double';
      return count && isNumber ? { unit: `${value.unit} ${count.unit}`, amount: count.amount } : undefined;
    }
    case 'arithmetic':
      return value.operator === 'add' ? sumOffsets(value.operands, parameters) : undefined;
    default:
      return undefined;
  }
}

/** Exact numbers, doubles and texts are rounded each in their own way, so they count as units of their own. */
function readAmount(known: PlanParameter | undefined): Offset | undefined {
  if (!known || !amountForm.test(String(known.value))) return undefined;
  return { unit: exactType.test(known.type) ? 'exact' : known.type, amount: Number(known.value) };
}

/** `1 day 2 hours`: parts of several units have no common one, and their sum compares with nothing. */
function sumOffsets(parts: readonly PlanExpression[], parameters: readonly PlanParameter[]): Offset | undefined {
  const offsets = parts.map((part) => (part.kind === 'interval' ? readOffset(part, parameters) : undefined));
  return offsets.every((offset) => offset !== undefined) ? { unit: 'several', amount: Number.NaN } : undefined;
}
