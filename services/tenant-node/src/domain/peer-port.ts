/** Another active member of the tenant, as a strict read sees it. */
export interface Peer {
  readonly pod: string;
  /** The `appId` of the log it registered with. */
  readonly log: string;
  /**
   * What the member acknowledged of a source beyond `afterLsn`. Rejects with `unavailable` (naming the pod) when it
   * cannot be asked: its rows may exist nowhere else yet.
   */
  fresh(sourceId: string, afterLsn: number, signal: AbortSignal): Promise<PeerFresh>;
}

export type PeerFresh = {
  /** The log's `appId`. */
  readonly log: string;
  readonly acknowledgedLsn: number;
  /** Rows with LSN ≤ this are in the files of `tableVersion` and later. */
  readonly committedLsn: number;
  readonly tableVersion: number;
  readonly unflushedRows: number;
  /** Frames as they stand in the log, one or several behind each other in each item. */
  readonly frames: readonly Uint8Array[];
};

/** The other members that may hold acknowledged rows, as known at the moment of the call. */
export interface Members {
  /** Whether every active member knows this node, and it them; before and after, it may lack some. */
  readonly isJoined: boolean;
  peers(): readonly Peer[];
}
