import { type CallContext, requireSource, requireTenant } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { Call } from '../domain/interpreter.ts';

/** Who asks, for a user of some tenant. */
export function readCall({ caller, signal }: CallContext): Call {
  assert(caller, 'the endpoint needs a token');
  requireTenant(caller.claims);
  return { caller, signal };
}

/** The catalog shows readable sources only; the rule is checked again where the plan leaves this service. */
export function requireReadable(call: Call, sources: readonly string[]): void {
  for (const source of sources) requireSource(call.caller.claims, 'read', source);
}
