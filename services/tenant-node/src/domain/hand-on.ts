import type { Member } from '@hybridstore/contracts';
import type { AppendResult } from '@hybridstore/engine';
import { retryLater } from '@hybridstore/runtime';
import type { Batch, BatchCalls, MemberDirectory } from './ports.ts';

export type HandOnPorts = {
  readonly members: Pick<MemberDirectory, 'self' | 'members' | 'awaited'>;
  readonly calls: Pick<BatchCalls, 'forward' | 'away'>;
};

/**
 * Writes that reach a node which may acknowledge nothing: it leaves, and its callers have not seen it yet, or it cannot join
 * beside a member that is away. Another member takes them. Each is handed on once: a batch without an id must not be tried
 * again, whatever became of it.
 */
export class HandOn {
  readonly #ports: HandOnPorts;
  #turn = 0;

  constructor(ports: HandOnPorts) {
    this.#ports = ports;
  }

  async write(
    batch: Batch,
    call: { readonly userToken: string; readonly isForwarded: boolean },
  ): Promise<AppendResult> {
    const member = call.isForwarded ? undefined : this.#next();
    if (!member) throw this.#describeWait();
    return this.#ports.calls.forward(member, batch, call.userToken);
  }

  /** In turn. */
  #next(): Member | undefined {
    const { members, calls } = this.#ports;
    const others = members
      .members()
      .filter(({ pod, state }) => state === 'active' && pod !== members.self?.pod)
      .filter(({ pod }) => !members.awaited.has(pod) && calls.away(pod) === undefined);
    this.#turn += 1;
    return others[this.#turn % others.length];
  }

  #describeWait() {
    const [first] = this.#ports.members.awaited;
    if (first === undefined) return retryLater('unavailable', 'the node leaves, or is no member yet', 1_000);
    const [pod, reason] = first;
    const message = `the node takes no writes before member ${pod} knows it (${reason}): bring that member back, or give it up`;
    const since = this.#ports.calls.away(pod)?.sinceMs;
    const away = since === undefined ? {} : { away_since: new Date(since).toISOString() };
    return retryLater('unavailable', message, 1_000, { member: pod, ...away });
  }
}
