import { type CallContext, tenantCallerOf } from '@hybridstore/http';
import type { TenantCaller } from '@hybridstore/runtime';
import type { Call } from '../domain/call.ts';

/** What HTTP knows of a call, as the verbs of the node take it. */
export function callOf(context: CallContext): Call {
  return new HttpCall(context);
}

class HttpCall implements Call {
  readonly caller: TenantCaller;
  readonly deadlineMs: number | undefined;
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.caller = tenantCallerOf(context.caller);
    this.deadlineMs = context.deadlineMs;
    this.#context = context;
  }

  /** Made when it is asked for: a write has no use for it. */
  get signal(): AbortSignal {
    return this.#context.signal;
  }
}
