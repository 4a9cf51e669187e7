import type { TableState } from '@hybridstore/engine';
import { HybridStoreError, isHybridStoreError, orAborted, retryLater } from '@hybridstore/runtime';
import type { LogMark } from './log-marks.ts';
import type { FreshRange, Peer } from './ports.ts';
import {
  type Answer,
  askPeer,
  askSelf,
  freshRange,
  inOneLife,
  isNotEmpty,
  knownLsn,
  type LoadingChild,
  requireAllKnown,
  type SilentMember,
  type SourceView,
  takeAnswers,
  type ViewPorts,
} from './strict-view.ts';

/**
 * As a strict view, but a member that does not answer may be left out where it is known what it acknowledged until shortly
 * before, and all of that is shown:
 *
 *     it was asked             this query begins
 *   ───────┼─────────────────────────┼───▶      what it acknowledged before it was asked has LSN ≤ mark.acknowledgedLsn
 *          ╰─── at most staleMsMax ──╯          shown are LSN ≤ txn(version), in files, and LSN ≤ heldLsn, in the child
 *
 * Rows that it acknowledged since then are missing, and only these. Where that cannot be said the view is refused as a
 * strict one is. A member that has left in order answers here as it does there: nothing is left out.
 */
export async function takeBoundedView(
  ports: ViewPorts,
  child: LoadingChild,
  sourceId: string,
  { staleMsMax, signal }: { readonly staleMsMax: number; readonly signal: AbortSignal },
): Promise<SourceView> {
  requireAllKnown(ports.members);
  const bound = { startedMs: ports.clock.monotonicMs(), staleMsMax };
  return inOneLife(await ports.engine.snapshot(sourceId), async (first) => {
    const asked = await Promise.all(
      ports.members.peers().map((peer) => ask(ports, peer, { child, first, signal, bound })),
    );
    const answers = asked.flatMap((outcome) => ('answer' in outcome ? [outcome] : []));
    const view = await takeAnswers(ports, child, first, [askSelf(ports, child, first), ...answers]);
    const left = asked.flatMap((outcome) =>
      'error' in outcome ? [doWithout(ports, child, view.state, { ...outcome, bound })] : [],
    );
    const ranges = left.map(({ range }) => range).filter(isNotEmpty);
    return { ...view, fresh: [...view.fresh, ...ranges], without: left.map(({ member }) => member) };
  });
}

/** How long a member may take where the answer can do without it. */
const patienceMs = 1_000;

type Bound = { readonly startedMs: number; readonly staleMsMax: number };
type Silence = { readonly peer: Peer; readonly error: HybridStoreError };
type Asking = {
  readonly child: LoadingChild;
  readonly first: TableState;
  readonly signal: AbortSignal;
  readonly bound: Bound;
};

async function ask(ports: ViewPorts, peer: Peer, asking: Asking): Promise<Answer | Silence> {
  const { child, first, bound } = asking;
  const canDoWithout = isWithin(bound, findShown(ports, child, first, peer));
  const patience = new AbortController();
  const cancel = canDoWithout ? ports.clock.schedule(patienceMs, () => patience.abort(notInTime(peer))) : () => {};
  const signal = AbortSignal.any([asking.signal, patience.signal]);
  try {
    return await orAborted(askPeer(ports.clock, peer, { child, first, signal }), signal);
  } catch (error) {
    asking.signal.throwIfAborted();
    if (patience.signal.aborted) return { peer, error: notInTime(peer) };
    if (!isHybridStoreError(error, 'unavailable')) throw error;
    return { peer, error };
  } finally {
    cancel();
  }
}

/** What is shown of a member that does not answer, exactly as far as it is known. Throws where that is not far enough. */
function doWithout(
  ports: ViewPorts,
  child: LoadingChild,
  state: TableState,
  { peer, error, bound }: Silence & { readonly bound: Bound },
): { readonly range: FreshRange; readonly member: SilentMember } {
  const mark = findShown(ports, child, state, peer);
  if (!isWithin(bound, mark)) throw tooStale(peer, error, { bound, mark });
  const member = describeSilent(peer, error, staleMsOf(bound, mark));
  return { range: freshRange(state, peer.log, mark.acknowledgedLsn), member };
}

/** The newest that is known of the member's log and shown whole, by the files of the version and what the child holds. */
function findShown(ports: ViewPorts, child: LoadingChild, state: TableState, { log }: Peer): LogMark | undefined {
  return ports.marks.newest(state.sourceId, log, { location: state.location, lsn: knownLsn(child, state, log) });
}

function isWithin(bound: Bound, mark: LogMark | undefined): mark is LogMark {
  return mark !== undefined && staleMsOf(bound, mark) <= bound.staleMsMax;
}

function staleMsOf({ startedMs }: Bound, { askedMs }: LogMark): number {
  return Math.max(0, Math.ceil(startedMs - askedMs));
}

function describeSilent({ pod }: Peer, { message, details }: HybridStoreError, staleMs: number): SilentMember {
  const since = details['away_since'];
  return { pod, reason: since === undefined ? message : `member ${pod} is away since ${since}`, staleMs };
}

function notInTime({ pod }: Peer): HybridStoreError {
  return retryLater('unavailable', `member ${pod} did not answer within ${patienceMs} ms`, 1_000, { member: pod });
}

/** As a strict read is refused, with what a reader would have to allow. */
function tooStale(
  { pod }: Peer,
  error: HybridStoreError,
  { bound, mark }: { readonly bound: Bound; readonly mark: LogMark | undefined },
): HybridStoreError {
  const without = mark
    ? `without it the answer would be ${staleMsOf(bound, mark)} ms behind, ${bound.staleMsMax} are allowed`
    : 'how far the answer would be behind without it is not known';
  const details = { ...error.details, member: pod, ...(mark ? { stale_ms: staleMsOf(bound, mark) } : {}) };
  return new HybridStoreError('unavailable', `${error.message}; ${without}`, details, { cause: error });
}
