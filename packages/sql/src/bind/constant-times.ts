import type { CastNode, PlanQuery } from '@hybridstore/contracts';
import { walkQuery } from '@hybridstore/plan';
import type { BindContext } from './context.ts';
import { isMomentType, isUnboundedText, momentForms, momentLiteral } from './moment-text.ts';

const shownCharactersMax = 50;

/** A text of the statement that is a time to nobody, as `2023-02-30`, is refused with its place, and not by the engine at some row. */
export function requireReadableTimes(query: PlanQuery, context: BindContext): void {
  // MySQL's own pass over the plan does so.
  if (context.dialect === 'mysql') return;
  walkQuery(query, { expression: (node) => void (node.kind === 'cast' && requireReadable(node, context)) });
}

function requireReadable({ value, type, try: isTried }: CastNode, context: BindContext): void {
  const kind = type === 'timestamptz' ? 'timestamp' : type;
  if (isTried || !isMomentType(kind) || value.kind !== 'literal' || typeof value.value !== 'string') return;
  if (momentLiteral(value.value, kind) || isUnboundedText(value.value)) return;
  const shown = value.value.slice(0, shownCharactersMax);
  const expected = momentForms[kind];
  throw context.refuseAt(context.text.positionOfText(value.value), `'${shown}' is not ${expected}`, {
    expected,
    actual: shown,
  });
}
