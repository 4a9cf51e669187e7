import type { Member } from '@hybridstore/contracts';

/** The tenant's members as routes and the drain see them. */
export interface MemberDirectory {
  /** Whether every active member knows this node: before, nothing may be acknowledged. */
  readonly isJoined: boolean;
  readonly self: Member | undefined;
  members(): readonly Member[];
  /** Takes in what a member says of itself; returns this node's own epoch. */
  receive(member: Member): number;
  join(): Promise<void>;
  leave(): Promise<void>;
}
