import type { Engine, TableState } from '@hybridstore/engine';
import { type Clock, retryLater } from '@hybridstore/runtime';
import type { LogMarks } from './log-marks.ts';
import type { ExecutorChild, FreshRange, Members, Peer, PeerFresh } from './ports.ts';

/**
 * What one query reads of one source: a table version and, of each log, the frames that version does not hold.
 *
 *   1. ask every member for its frames beyond what the child holds     (an acknowledged row is in its node's answer,
 *   2. only then look for the newest table version, at least as new     or was committed before the answer was given)
 *      as the newest that any answer knows of
 *   3. of each log take txn(version) < LSN ≤ acknowledged
 *
 * The order is what makes it exact. A row that is committed between 1 and 2 is in the files and in the frames; the
 * version's own `txn` rules the frame out. A row that was committed before 1 is in the version, because the answer names
 * the version that holds it. Left out on purpose: locks, clocks, a leader.
 */
export type SourceView = {
  readonly sourceId: string;
  readonly state: TableState;
  readonly fresh: readonly FreshRange[];
  /** Members that did not answer, and whose newest rows may be missing. */
  readonly without: readonly SilentMember[];
};

/** `reason` says since when or why it does not answer; what it acknowledged longer than `staleMs` before the query is there. */
export type SilentMember = { readonly pod: string; readonly reason: string; readonly staleMs: number };

export type ViewPorts = {
  readonly engine: Pick<Engine, 'appId' | 'fresh' | 'known' | 'snapshot'>;
  readonly members: Members;
  readonly marks: LogMarks;
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
};

/** Lives of a source that one query may come upon. */
const looksMax = 3;

/**
 * Every acknowledged row of all members exactly once; loads into `child` what it lacks. `unavailable` when a member cannot
 * be asked, or may not be known.
 */
export async function takeStrictView(
  ports: ViewPorts,
  child: LoadingChild,
  sourceId: string,
  signal: AbortSignal,
): Promise<SourceView> {
  requireAllKnown(ports.members);
  // What is asked for follows from it, never what is answered: it need not be the newest.
  const known = ports.engine.known(sourceId) ?? (await ports.engine.snapshot(sourceId));
  return inOneLife(known, async (first) => {
    const answers = await Promise.all([
      askSelf(ports, child, first),
      ...ports.members.peers().map((peer) => askPeer(ports.clock, peer, { child, first, signal })),
    ]);
    return takeAnswers(ports, child, first, answers);
  });
}

/** Taken again where the version is of another life of the source than `known`, for which this node has answered. */
export async function inOneLife(
  known: TableState,
  take: (first: TableState) => Promise<SourceView>,
): Promise<SourceView> {
  let first = known;
  for (let look = 0; look < looksMax; look += 1) {
    const view = await take(first);
    if (view.state.location === first.location) return view;
    first = view.state;
  }
  throw retryLater('unavailable', `source ${known.sourceId} is made anew again and again`, 1_000);
}

/** The newest commit alone: members need not be reachable, rows since then are missing. */
export async function takeCommittedView(engine: Pick<Engine, 'snapshot'>, sourceId: string): Promise<SourceView> {
  return { sourceId, state: await engine.snapshot(sourceId), fresh: [], without: [] };
}

/** A node that is not written down yet, or has left, is notified of no newcomer: there may be members that it would not ask. */
export function requireAllKnown(members: Members): void {
  if (members.knowsAll) return;
  throw retryLater('unavailable', 'the node is no member yet, or has left: it may not know all of them', 1_000, {
    is_member: false,
  });
}

export type LoadingChild = Pick<ExecutorChild, 'heldLsn' | 'load'>;

/** What a member says when it is asked for its frames beyond `afterLsn`; it was not asked before `askedMs`. */
export type Answer = { readonly afterLsn: number; readonly askedMs: number; readonly answer: PeerFresh };

type Asking = { readonly child: Held; readonly first: TableState; readonly signal: AbortSignal };

export async function askPeer(clock: Pick<Clock, 'monotonicMs'>, peer: Peer, asking: Asking): Promise<Answer> {
  const { child, first, signal } = asking;
  const askedMs = clock.monotonicMs();
  const afterLsn = knownLsn(child, first, peer.log);
  const answer = await peer.fresh(first.sourceId, afterLsn, signal);
  // A member on a new volume counts from 1 again: what is known of its old log says nothing about this one.
  if (answer.log === peer.log || afterLsn === 0) return { afterLsn, askedMs, answer };
  return { afterLsn: 0, askedMs, answer: await peer.fresh(first.sourceId, 0, signal) };
}

export function askSelf(
  { engine, clock }: Pick<ViewPorts, 'engine' | 'clock'>,
  child: Held,
  first: TableState,
): Answer {
  const afterLsn = knownLsn(child, first, engine.appId);
  const own = engine.fresh(first.sourceId, afterLsn);
  return {
    afterLsn,
    askedMs: clock.monotonicMs(),
    answer: {
      log: engine.appId,
      acknowledgedLsn: own.acknowledgedLsn,
      committedLsn: own.committedLsn,
      tableVersion: own.tableVersion,
      unflushedRows: 0,
      frames: own.frames.map((frame) => frame.bytes),
    },
  };
}

/** The second and the third step, with the answers of the first. */
export async function takeAnswers(
  ports: ViewPorts,
  child: LoadingChild,
  first: TableState,
  answers: readonly Answer[],
): Promise<SourceView> {
  const { sourceId } = first;
  const versionMin = Math.max(first.version, ...answers.map(({ answer }) => answer.tableVersion));
  const state = await ports.engine.snapshot(sourceId, versionMin);
  if (state.location === first.location) noteAnswers(ports.marks, state, answers);
  const fresh = answers.map(({ afterLsn, answer }) => {
    const range = {
      log: answer.log,
      // A member gives away frames that are committed; what it answers is whole from there on.
      afterLsn: Math.max(afterLsn, answer.committedLsn),
      untilLsn: answer.acknowledgedLsn,
    };
    child.load(sourceId, range, answer.frames);
    return freshRange(state, answer.log, answer.acknowledgedLsn);
  });
  return { sourceId, state, fresh: fresh.filter(isNotEmpty), without: [] };
}

export function freshRange({ txn }: TableState, log: string, untilLsn: number): FreshRange {
  return { log, afterLsn: txn.get(log) ?? 0, untilLsn };
}

export function isNotEmpty({ afterLsn, untilLsn }: FreshRange): boolean {
  return untilLsn > afterLsn;
}

/** Frames up to here need not be asked for: the child holds them, or the files do. */
export function knownLsn(child: Held, state: TableState, log: string): number {
  return Math.max(child.heldLsn(state.sourceId, log), state.txn.get(log) ?? 0);
}

type Held = Pick<ExecutorChild, 'heldLsn'>;

/** The source was the same before and after the members were asked, so they spoke of this life of it. */
function noteAnswers(marks: LogMarks, { sourceId, location }: TableState, answers: readonly Answer[]): void {
  for (const { askedMs, answer } of answers) {
    const { log, acknowledgedLsn, committedLsn, tableVersion } = answer;
    // One that has left, or was given up, does not answer itself: of its log that says nothing, should it come back.
    if (tableVersion >= 0) marks.note(sourceId, log, { askedMs, acknowledgedLsn, location }, committedLsn);
  }
}
