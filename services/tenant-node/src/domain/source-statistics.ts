import type { SourceStats } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import type { Members, Peer } from './ports.ts';

/** Beyond every LSN: asks for the figures of a log and none of its frames. */
const beyondAllLsn = Number.MAX_SAFE_INTEGER;

/** Counts of a source over all members that answer. `unreachable` names those that did not; they are not asked again. */
export async function readSourceStats(
  ports: { readonly engine: Pick<Engine, 'stats' | 'problems'>; readonly members: Members },
  sourceId: string,
  signal: AbortSignal,
  unreachable: Set<string> = new Set(),
): Promise<SourceStats> {
  const asked = ports.members.peers().filter((peer) => !unreachable.has(peer.pod));
  const others = await Promise.all(asked.map((peer) => unflushedOf(peer, sourceId, { signal, unreachable })));
  const own = await ports.engine.stats(sourceId);
  const ownFailure = ports.engine.problems().find((problem) => problem.sourceId === sourceId)?.message;
  const flushFailing = ownFailure ?? others.find((other) => other.flushFailing !== undefined)?.flushFailing;
  return {
    ...own,
    unflushed_rows: others.reduce((sum, { rows }) => sum + rows, own.unflushed_rows),
    ...(flushFailing === undefined ? {} : { flush_failing: flushFailing }),
  };
}

type Unflushed = { readonly rows: number; readonly flushFailing: string | undefined };

async function unflushedOf(
  peer: Peer,
  sourceId: string,
  call: { readonly signal: AbortSignal; readonly unreachable: Set<string> },
): Promise<Unflushed> {
  try {
    const { unflushedRows: rows, flushFailing } = await peer.fresh(sourceId, beyondAllLsn, call.signal);
    return { rows, flushFailing };
  } catch {
    // Statistics count the members that answer; who does not is named beside them.
    call.unreachable.add(peer.pod);
    return { rows: 0, flushFailing: undefined };
  }
}
