import type { Dialect } from '@hybridstore/contracts';
import type { BindSite } from '../bind/bind-site.ts';
import type { Typed } from '../bind/types.ts';
import { refuseSql } from '../syntax/refusal.ts';
import { type Call, readCall } from './read-call.ts';

/** A call being bound: its parts, its arguments bound on demand. */
export type CallSite = {
  readonly call: Call;
  readonly site: BindSite;
  readonly count: number;
  /** The bound argument; `invalid_request` when there are fewer. */
  readonly argument: (index: number) => Typed;
  readonly refuse: (message: string, details?: Readonly<Record<string, unknown>>) => Error;
};

export type Translate = (at: CallSite) => Typed;
/** Functions that mean something else, or take their arguments otherwise, in some dialect. `all` holds for every dialect. */
export type Translators = Readonly<Partial<Record<Dialect | 'all', Readonly<Record<string, Translate>>>>>;

/** Reads the parts of a call; arguments are bound when a translator asks for them, each once. */
export function openCall(site: BindSite): CallSite {
  const call = readCall(site.fields, site.context);
  const bound: Typed[] = [];
  const refuse: CallSite['refuse'] = (message, details) =>
    refuseSql(message, site.context.text.callOf(call.name) ?? site.context.position(site.fields.node), {
      name: call.name,
      ...details,
    });
  return {
    call,
    site,
    count: call.operands.length,
    argument: (index) => {
      const node = call.operands[index];
      if (!node)
        throw refuse(`${call.name} takes more than ${call.operands.length} arguments`, {
          actual: call.operands.length,
        });
      bound[index] ??= site.context.bind(node, site.scope);
      return bound[index];
    },
    refuse,
  };
}

/** DISTINCT, FILTER, ORDER BY, OVER and `*` belong to aggregates and windows. */
export function requirePlain(at: CallSite, isAggregate: boolean): void {
  if (isAggregate) return;
  const { distinct, filter, orderBy, over, isStar } = at.call;
  if (distinct || filter || orderBy.length > 0 || over || isStar)
    throw at.refuse(`${at.call.name} is not an aggregate function`);
}
