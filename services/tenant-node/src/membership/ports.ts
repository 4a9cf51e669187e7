import type { LogPositions, Member } from '@hybridstore/contracts';
import type { BatchEntry, Heritage, Peer } from '../domain/ports.ts';

/** Where members are written down, for all of them to read. `corrupt` for one that is there and cannot be read. */
export interface MemberStore {
  read(pod: string): Promise<Member | undefined>;
  list(): Promise<readonly Member[]>;
  /** Durable when it resolves. */
  write(member: Member): Promise<void>;
}

/** What members take over when they join. */
export interface HeritageStore {
  read(pod: string): Promise<Heritage | undefined>;
  /** Durable when it resolves. */
  write(pod: string, heritage: Heritage): Promise<void>;
}

/** Asks other members how far they have acknowledged rows. */
export interface PositionCalls {
  /** Undefined when `receiver` does not say, since it is of an earlier version. */
  positions(receiver: Member): Promise<LogPositions | undefined>;
}

/** Calls to other members. */
export interface MemberCalls {
  /** Resolves when `receiver` knows `member`. */
  announce(receiver: Member, member: Member): Promise<void>;
  /** Resolves when `receiver` has reached `node` at its address, which only the receiver can find out. */
  callBack(receiver: Member, node: Pick<Member, 'pod' | 'url'>): Promise<void>;
  /** Resolves when it is `node` that answers at its address. */
  visit(node: Pick<Member, 'pod' | 'url'>): Promise<void>;
  /** Rows that `receiver` acknowledged and no table holds; nothing changes there. */
  greet(receiver: Member): Promise<number>;
  /** Batch ids that `receiver` knows and `pod` owns now; undefined when it gives none away. */
  owned(receiver: Member, pod: string): Promise<readonly BatchEntry[] | undefined>;
  /** Since when a member cannot be reached, as its last caller found. */
  away(pod: string): { readonly sinceMs: number; readonly reason: string } | undefined;
  /** A member that spoke by itself can be reached again. */
  heard(pod: string): void;
  connect(member: Member): Peer;
}
