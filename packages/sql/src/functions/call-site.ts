import type { Dialect, PlanExpression } from '@hybridstore/contracts';
import { cast } from '@hybridstore/plan';
import type { BindSite } from '../bind/bind-site.ts';
import type { BindContext } from '../bind/context.ts';
import { bitsAsNumber, dialectText, isDecimal, isFloating, isNumber, type Typed, typed } from '../bind/types.ts';
import { type ArgumentKind, kindAt, type Signature, signatureOf, wrongCount } from '../syntax/function-signatures.ts';
import { refuseSql } from '../syntax/refusal.ts';
import type { SyntaxNode } from '../syntax/syntax-tree.ts';
import { requireKind } from './argument-kinds.ts';
import { type Call, readCall } from './read-call.ts';

/** A call being bound: its parts, its arguments bound on demand. */
export type CallSite = {
  readonly call: Call;
  readonly site: BindSite;
  readonly count: number;
  /** The argument as it is written: a unit, a path, a row. */
  readonly node: (index: number) => SyntaxNode | undefined;
  /** The bound argument; `invalid_request` when there are fewer. */
  readonly argument: (index: number) => Typed;
  readonly refuse: (message: string, details?: Readonly<Record<string, unknown>>) => Error;
  /** Refuses the call by the first argument that nobody has asked for: one that is dropped may be one that matters. */
  readonly finish: () => void;
};

export type Translate = (at: CallSite) => Typed;
/** Functions that mean something else, or take their arguments otherwise, in some dialect. `all` holds for every dialect. */
export type Translators = Readonly<Partial<Record<Dialect | 'all', Readonly<Record<string, Translate>>>>>;

/**
 * Reads the parts of a call; arguments are bound when a translator asks for them, each once. Here, and nowhere else, their
 * number and kinds are held against what the dialect's function takes.
 */
export function openCall(site: BindSite): CallSite {
  const call = readCall(site.fields, site.context);
  const bound: Typed[] = [];
  const asked = new Set<number>();
  const refuse: CallSite['refuse'] = (message, details) =>
    refuseSql(message, site.context.text.callOf(call.name) ?? site.context.position(site.fields.node), {
      name: call.name,
      ...details,
    });
  const signature = signatureOf(call.name, site.context.dialect);
  if (signature) requireCount(call, signature, refuse);
  return {
    call,
    site,
    count: call.operands.length,
    node: (index) => {
      asked.add(index);
      return call.operands[index];
    },
    argument: (index) => {
      asked.add(index);
      const node = call.operands[index];
      if (!node)
        throw refuse(`${call.name} takes more than ${call.operands.length} arguments`, {
          actual: call.operands.length,
        });
      const known = bound[index];
      if (known) return known;
      const kind = signature ? kindAt(signature, index) : 'any';
      const given = site.context.bind(node, site.scope);
      const value = readAs(kind, given, site.context);
      bound[index] = value;
      if (signature)
        requireKind(kind, value, { name: call.name, index, fields: site.fields, context: site.context, refuse });
      return value;
    },
    refuse,
    finish: () => {
      const dropped = call.operands.findIndex((_, index) => !asked.has(index));
      if (dropped >= 0)
        throw refuse(`function ${call.name}: argument ${dropped + 1} is not supported`, { argument: dropped + 1 });
    },
  };
}

/** An argument as the text that the dialect makes of it: MySQL's conditions are `1` and `0`. */
export function textArgument(at: CallSite, index: number): PlanExpression {
  return dialectText(at.argument(index), at.site.context.dialect);
}

const textFromTypes = new Set(['boolean', 'date', 'timestamp', 'time', 'timestamptz']);

/** A bound text is a time where one is wanted. MySQL makes a text of a number or a condition, and a number of bits. */
function readAs(kind: ArgumentKind, value: Typed, context: BindContext): Typed {
  const { dialect } = context;
  if (kind === 'moment') return context.boundMoment(value);
  if (kind === 'number') return bitsAsNumber(value);
  if (kind === 'whole') return readWhole(bitsAsNumber(value), dialect);
  const isConverted = dialect === 'mysql' && kind === 'text' && (isNumber(value.type) || textFromTypes.has(value.type));
  return isConverted ? typed(dialectText(value, dialect), 'string') : value;
}

/** MySQL rounds where it counts. */
function readWhole(value: Typed, dialect: Dialect): Typed {
  const isRounded = isDecimal(value.type) || isFloating(value.type) || value.type === 'boolean';
  return dialect === 'mysql' && isRounded ? typed(cast(value.node, 'bigint'), 'bigint') : value;
}

function requireCount(call: Call, signature: Signature, refuse: CallSite['refuse']): void {
  if (call.isStar || call.isWithinGroup) return;
  const count = call.operands.length;
  const expected = wrongCount(signature, count);
  if (expected === undefined) return;
  throw refuse(`function ${call.name} takes ${expected} argument${expected === '1' ? '' : 's'}, found ${count}`, {
    expected: `${expected} argument${expected === '1' ? '' : 's'}`,
    actual: count,
  });
}

/** DISTINCT, FILTER, ORDER BY, OVER and `*` belong to aggregates and windows. */
export function requirePlain(at: CallSite, isAggregate: boolean): void {
  if (isAggregate) return;
  const { distinct, filter, orderBy, over, isStar } = at.call;
  if (distinct || filter || orderBy.length > 0 || over || isStar)
    throw at.refuse(`${at.call.name} is not an aggregate function`);
}
