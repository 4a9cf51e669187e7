import type { Member, MemberView } from '@hybridstore/contracts';
import { type Clock, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { LogMarks } from '../domain/log-marks.ts';
import type { MemberDirectory, MemberSightings } from '../domain/ports.ts';
import type { MemberCalls, MemberStore, PositionCalls } from './ports.ts';

export type MemberWatchParts = {
  readonly members: Pick<MemberDirectory, 'self' | 'members' | 'refresh'>;
  readonly store: Pick<MemberStore, 'read'>;
  readonly calls: Pick<MemberCalls, 'greet' | 'away'> & PositionCalls;
  readonly marks: Pick<LogMarks, 'note'>;
  readonly unflushedRows: () => number;
  /** Somebody has given this node up while it was away; only a new life makes it a member again. */
  readonly onGivenUp: (written: Member) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

const lookMs = 5_000;

/**
 * Looks every few seconds at the other members, so that it is known who is away, since when, how many rows it held then and
 * how far its log had come, also where nobody reads or writes; and at what is written of this node. No strict read and no
 * write rests on it: they ask for themselves.
 */
export class MemberWatch implements MemberSightings {
  readonly #parts: MemberWatchParts;
  readonly #rows = new Map<string, { readonly rows: number; readonly atMs: number }>();
  #cancel: () => void = () => {};

  constructor(parts: MemberWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.clock.schedule(lookMs, () => {
      this.look()
        .catch((error: unknown) => this.#parts.logger.warn('members_not_looked_at', { error }))
        .finally(() => this.start());
    });
  }

  stop(): void {
    this.#cancel();
    this.start = () => {};
  }

  async look(): Promise<void> {
    const { members, calls, clock } = this.#parts;
    await this.#lookAtOwn();
    const others = members.members().filter(({ pod, state }) => state === 'active' && pod !== members.self?.pod);
    const looks = others.map(async (member) => {
      const rows = await calls.greet(member).catch(() => undefined);
      const atMs = clock.now();
      if (rows === undefined) return members.refresh(member.pod);
      await this.#noteLog(member);
      return this.#rows.set(member.pod, { rows, atMs });
    });
    await Promise.all(looks);
  }

  /** How far its log has come, so that queries may do without it where nobody asked it for rows before it went. */
  async #noteLog(member: Member): Promise<void> {
    const { calls, marks, clock } = this.#parts;
    const askedMs = clock.monotonicMs();
    // It may be replaying its log; the next look is not far.
    const said = await calls.positions(member).catch(() => undefined);
    if (!said) return;
    for (const position of said.positions) {
      const mark = { askedMs, acknowledgedLsn: position.acknowledged_lsn, location: position.location };
      marks.note(position.source_id, said.app_id, mark, position.committed_lsn);
    }
  }

  async #lookAtOwn(): Promise<void> {
    const { self } = this.#parts.members;
    if (self?.state !== 'active') return;
    const written = await this.#parts.store.read(self.pod);
    if (written !== undefined && written.epoch > self.epoch) this.#parts.onGivenUp(written);
  }

  /** One that refuses, or is overloaded, is there all the same. */
  async answers(member: Member): Promise<boolean> {
    try {
      await this.#parts.calls.greet(member);
      return true;
    } catch (error) {
      return !isHybridStoreError(error) || error.details['away_since'] === undefined;
    }
  }

  describe(member: Member): MemberView {
    const { members, calls, unflushedRows, clock } = this.#parts;
    const isSelf = member.pod === members.self?.pod;
    const away = isSelf || member.state !== 'active' ? undefined : calls.away(member.pod);
    const seen = isSelf ? { rows: unflushedRows(), atMs: clock.now() } : this.#rows.get(member.pod);
    return {
      pod: member.pod,
      state: member.state,
      epoch: member.epoch,
      url: member.url,
      since_ms: member.since_ms ?? null,
      away_since: away === undefined ? null : new Date(away.sinceMs).toISOString(),
      away_reason: away?.reason ?? null,
      unflushed_rows: seen?.rows ?? null,
      unflushed_rows_at: seen === undefined ? null : new Date(seen.atMs).toISOString(),
    };
  }
}
