import type { Member } from '@hybridstore/contracts';
import type { Peer } from '../domain/ports.ts';

/** Where members are written down, for all of them to read. `corrupt` for one that is there and cannot be read. */
export interface MemberStore {
  read(pod: string): Promise<Member | undefined>;
  list(): Promise<readonly Member[]>;
  /** Durable when it resolves. */
  write(member: Member): Promise<void>;
}

/** Calls to other members. */
export interface MemberCalls {
  /** Resolves when `receiver` knows `member`. */
  announce(receiver: Member, member: Member): Promise<void>;
  connect(member: Member): Peer;
}
