import { type CallContext, tenantCallerOf } from '@hybridstore/http';
import type { Call } from '../domain/call.ts';

/** What HTTP knows of a call, as the verbs of the node take it. */
export function callOf(context: CallContext): Call {
  return {
    caller: tenantCallerOf(context.caller),
    deadlineMs: context.deadlineMs,
    // Made when it is asked for: a write has no use for it.
    get signal() {
      return context.signal;
    },
  };
}
