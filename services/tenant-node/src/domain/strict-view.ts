import type { Engine, TableState } from '@hybridstore/engine';
import { retryLater } from '@hybridstore/runtime';
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
};

export type ViewPorts = {
  readonly engine: Pick<Engine, 'appId' | 'fresh' | 'snapshot'>;
  readonly members: Members;
};

/**
 * Every acknowledged row of all members exactly once; loads into `child` what it lacks. `unavailable` when a member cannot
 * be asked, or may not be known.
 */
export async function takeStrictView(
  ports: ViewPorts,
  child: Pick<ExecutorChild, 'heldLsn' | 'load'>,
  sourceId: string,
  signal: AbortSignal,
): Promise<SourceView> {
  // A node that is not written down yet, or has left, is notified of no newcomer: there may be members that it would not ask.
  if (!ports.members.knowsAll)
    throw retryLater('unavailable', 'the node is no member yet, or has left: it may not know all of them', 1_000, {
      is_member: false,
    });
  const first = await ports.engine.snapshot(sourceId);
  const answers = await Promise.all([
    askSelf(ports.engine, child, first),
    ...ports.members.peers().map((peer) => askPeer(peer, child, first, signal)),
  ]);
  const versionMin = Math.max(first.version, ...answers.map(({ answer }) => answer.tableVersion));
  const state = await ports.engine.snapshot(sourceId, versionMin);
  const fresh = answers.map(({ afterLsn, answer }) => {
    const range = {
      log: answer.log,
      // A member gives away frames that are committed; what it answers is whole from there on.
      afterLsn: Math.max(afterLsn, answer.committedLsn),
      untilLsn: answer.acknowledgedLsn,
    };
    child.load(sourceId, range, answer.frames);
    return { log: answer.log, afterLsn: state.txn.get(answer.log) ?? 0, untilLsn: answer.acknowledgedLsn };
  });
  return { sourceId, state, fresh: fresh.filter((range) => range.untilLsn > range.afterLsn) };
}

/** The newest commit alone: members need not be reachable, rows since then are missing. */
export async function takeCommittedView(engine: Pick<Engine, 'snapshot'>, sourceId: string): Promise<SourceView> {
  return { sourceId, state: await engine.snapshot(sourceId), fresh: [] };
}

type Answer = { readonly afterLsn: number; readonly answer: PeerFresh };

async function askPeer(peer: Peer, child: Held, first: TableState, signal: AbortSignal): Promise<Answer> {
  const afterLsn = knownLsn(child, first, peer.log);
  const answer = await peer.fresh(first.sourceId, afterLsn, signal);
  // A member on a new volume counts from 1 again: what is known of its old log says nothing about this one.
  if (answer.log === peer.log || afterLsn === 0) return { afterLsn, answer };
  return { afterLsn: 0, answer: await peer.fresh(first.sourceId, 0, signal) };
}

type Held = Pick<ExecutorChild, 'heldLsn'>;

/** Frames up to here need not be asked for: the child holds them, or the files do. */
function knownLsn(child: Held, state: TableState, log: string): number {
  return Math.max(child.heldLsn(state.sourceId, log), state.txn.get(log) ?? 0);
}

function askSelf(engine: ViewPorts['engine'], child: Held, first: TableState): Answer {
  const afterLsn = knownLsn(child, first, engine.appId);
  const own = engine.fresh(first.sourceId, afterLsn);
  return {
    afterLsn,
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
