import { type CallContext, tenantCallerOf } from '@hybridstore/http';
import type { Call } from '../domain/call.ts';

/** What HTTP knows of a call, as the verbs of the node take it. */
export function callOf({ caller, signal, deadlineMs }: CallContext): Call {
  return { caller: tenantCallerOf(caller), signal, deadlineMs };
}
