import type { LogLine, Member, MemberView, ResultColumn, WriteRequest } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch, EncodedElsewhere } from '@hybridstore/engine';
import type { DeclaredOutput } from '@hybridstore/plan';
import type { TenantCaller } from '@hybridstore/runtime';

/** The tenant's members as routes and the drain see them. */
export interface MemberDirectory {
  /** Whether every active member knows this node: before, nothing may be acknowledged. */
  readonly isJoined: boolean;
  /** Whether it has waited long to be joined: a member that it waits for is away. */
  readonly isHeldUp: boolean;
  readonly self: Member | undefined;
  members(): readonly Member[];
  /** Takes in what a member says of itself; returns this node's own epoch. */
  receiveFrom(member: Member): number;
  /** Resolves when a node that is about to join answers at its address. */
  visit(node: Pick<Member, 'pod' | 'url'>): Promise<void>;
  /** What is known of a member after another look at what is written of it. */
  refresh(pod: string): Promise<Member | undefined>;
  /** What this node took over when it joined. */
  readonly heritage: Heritage;
  /** Members that this node waits for before it is joined, by pod, and why each does not know it yet. */
  readonly awaited: ReadonlyMap<string, string>;
  /** Resolves when every active member knows this node, or when it left meanwhile. */
  join(): Promise<void>;
  /** Writes that a member which is away has left, as a person has decided. */
  giveUp(pod: string): Promise<Member>;
  /** Whether a node that leaves now could join again: every active member answers. */
  canReturn(): Promise<boolean>;
  /** Resolves when it is written down that this node holds nothing. */
  leave(): Promise<void>;
}

/** A batch id as it is written down and sent: the engine's key, its LSN, the rows that were accepted, whether they were durable. */
export type BatchEntry = readonly [key: string, lsn: number, accepted: number, durable: boolean];

/** What a member took over when it joined. */
export type Heritage = {
  /** Its place in the order of joining, at which every active member knew it. */
  readonly since: number;
  /** Members that gave nothing away, since they are of an earlier version: they are asked for each id. */
  readonly silent: readonly string[];
  readonly batches: readonly BatchEntry[];
};

/** What this node has seen of a member last. */
export interface MemberSightings {
  describe(member: Member): MemberView;
  /** Asks it, now. */
  answers(member: Member): Promise<boolean>;
}

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
  /** Why its rows of the source are not flushed. */
  readonly flushFailing?: string | undefined;
  /** Frames as they stand in the log, one or several behind each other in each item. */
  readonly frames: readonly Uint8Array[];
};

/** The other members that may hold acknowledged rows, as known at the moment of the call. */
export interface Members {
  /** Whether this node knows every member that may hold rows: not before it is written down as one, nor after it left. */
  readonly knowsAll: boolean;
  peers(): readonly Peer[];
}

export type Records = WriteRequest['records'] | RecordsElsewhere;
/** Records that a thread holds; `body` is the whole request as it came, JSON where no other type is named. */
export type RecordsElsewhere = EncodedElsewhere & { readonly body: Uint8Array; readonly type?: string };
/** A large write in the form of a small one. */
export type LargeWrite = Pick<WriteRequest, 'source_id' | 'batch_id'> & { readonly records: RecordsElsewhere };
export interface LargeWrites {
  /** `invalid_request` when the body is no write. */
  read(body: Buffer): Promise<LargeWrite>;
  /** The same of rows in another type than JSON, for the source that `query` names. */
  readOther(body: Buffer, as: { readonly type: string; readonly query: unknown }): Promise<LargeWrite>;
}

/** Whose turn it is where writes wait. */
export type Sender = { readonly caller: TenantCaller; readonly signal: AbortSignal };
/** A large write before it is read. */
export type ArrivingWrite = Sender & {
  readonly bytes: number;
  /** Its first bytes. */
  readonly head: Buffer;
  /** As it came, unchecked; of a body that is no JSON it names the source. */
  readonly query: unknown;
  /** Another member hands it on. */
  readonly isForwarded: boolean;
};

/** Lets writes in: large ones before they are read, and every one when its rows have room. */
export interface WriteAdmission {
  /** Resolves when the write may be read; what it gives is to be called when it is over. Throws `overloaded`, or what the engine says of the source. */
  admit(write: ArrivingWrite): Promise<() => void>;
  /** As the engine's; waits for room. */
  append(batch: Batch, sender: Sender): Promise<AppendResult>;
}

export type Batch = { readonly sourceId: string; readonly batchId?: string; readonly records: Records };
export type KeyedBatch = Batch & { readonly batchId: string };

/** Calls to other members for batches. Each throws `unavailable`, with `away_since`, when the member cannot be reached. */
export interface BatchCalls {
  /** Hands the batch to a member, the owner where it has an id, with the token of the user it came from. */
  forward(member: Member, batch: Batch, userToken: string): Promise<AppendResult>;
  find(member: Member, sourceId: string, batchId: string): Promise<AppliedBatch | undefined>;
  /** Since when a member cannot be reached. */
  away(pod: string): { readonly sinceMs: number } | undefined;
}

/** Asks other members what is damaged in their logs. */
export interface MemberLogs {
  /** Lines as they come; the last is what was found. Throws, naming the member, when that does not come. */
  check(member: Member, signal: AbortSignal): AsyncGenerator<LogLine>;
}

/** Batch ids of members that have left, as they wrote them down. */
export interface BatchLedgers {
  find(member: Member, key: string): Promise<AppliedBatch | undefined>;
}

/**
 * The SQL executor as the domain sees it: a child process that can be lost at any time. What a child holds of the logs'
 * fresh rows dies with it, so `heldLsn` belongs to one child (`ExecutorChild`), and every statement runs on the child
 * its view was loaded into.
 */
export interface Executor {
  /** The child that takes statements now; waits for one to be ready. `unavailable` when none comes up. */
  acquire(signal: AbortSignal): Promise<ExecutorChild>;
  /** The child that takes statements now, if there is one. */
  readonly current: ExecutorChild | undefined;
  /** Statements at work in all children. */
  readonly running: number;
}

export interface ExecutorChild {
  /** How far the child holds the frames of a source and log; 0 when it holds none. */
  heldLsn(source: string, log: string): number;
  /** Hands over every acknowledged frame with `afterLsn` < LSN ≤ `untilLsn`. Frames it holds already may be among them. */
  load(source: string, range: FreshRange, frames: readonly Uint8Array[]): void;
  /** Drops what is held of a source. */
  forget(source: string): void;
  run(statement: StatementRequest): Execution;
}

/** Frames of one log with `afterLsn` < LSN ≤ `untilLsn`. `log` is the `appId` under which the log commits. */
export type FreshRange = { readonly log: string; readonly afterLsn: number; readonly untilLsn: number };

export type StatementRequest = {
  /** One SELECT that reads nothing but `views`. */
  readonly text: string;
  readonly parameters: readonly StatementParameter[];
  /** Names in the text are made up; these are the outputs'. */
  readonly outputs: readonly DeclaredOutput[];
  readonly views: readonly StatementView[];
  readonly shape: RowShape;
  readonly separator: ',' | '\n';
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** The plan gives no more rows. Absent: nobody knows. */
  readonly rowsAtMost?: number | undefined;
};
export type StatementParameter = { readonly type: string; readonly value: string | number | boolean | null };

/** How rows are written: `array`, values in the order of the columns; `object`, by column name; `csv` and `arrow`, a whole text or stream. */
export const rowShapes = ['array', 'object', 'csv', 'arrow'] as const;
export type RowShape = (typeof rowShapes)[number];

/** What one scan reads: the columns it uses, files of one table version, and frames newer than it. */
export type StatementView = {
  readonly name: string;
  readonly source: string;
  readonly columns: readonly ViewColumn[];
  /** Pruned. */
  readonly files: readonly ViewFile[];
  /** Some files may lack some columns: newer columns in older files, and partition columns, whose values the log has. */
  readonly hasAbsentColumns: boolean;
  readonly bounds: readonly ViewBound[];
  readonly fresh: readonly FreshRange[];
};
/** `partition` holds Delta partition values by column, as text. */
export type ViewFile = { readonly path: string; readonly partition: Readonly<Record<string, string | null>> };
/** Stored as `name`, known to the text as `as`. `position` counts the columns of the source; log frames hold their values by position. */
export type ViewColumn = {
  readonly name: string;
  readonly as: string;
  readonly type: string;
  readonly position: number;
  /** Given as it is stored, not as its type. */
  readonly isAsStored?: true;
};
/** `column operator value` over stored values, which every wanted row satisfies: lets DuckDB skip row groups. */
export type ViewBound = {
  readonly column: string;
  readonly operator: '=' | '>' | '>=' | '<' | '<=';
  readonly value: string;
};

export type ExecutionEnd = { readonly rows: number; readonly freshRows: number };
/** Text of `rows` whole rows, as it came, in parts. */
export type RowPiece = { readonly texts: readonly Buffer[]; readonly rows: number; readonly bytes: number };

/**
 * One statement at work. `started` resolves with the columns before the first row, `pieces` gives row text as the reader
 * asks for it, `ended` resolves after the last piece. Errors of all three: invalid_request, too_large,
 * `ExecutionLost`, `ViewGone`, internal, or the reason given to `cancel`.
 */
export interface Execution {
  readonly started: Promise<readonly ResultColumn[]>;
  readonly ended: Promise<ExecutionEnd>;
  pieces(): AsyncIterable<RowPiece>;
  /** Stops the statement; its child is killed when it does not stop within `graceMs`. */
  cancel(reason: Error, graceMs: number): void;
}

/** The child died under the statement, which is not to blame when `isInnocent`. It may be run again. */
export class ExecutionLost extends Error {
  readonly isInnocent: boolean;
  constructor(isInnocent: boolean) {
    super('the executor child was lost');
    this.isInnocent = isInnocent;
  }
}

/** Fresh rows of the statement's view were dropped meanwhile: a newer view has to be taken. */
export class ViewGone extends Error {
  constructor() {
    super('the view is older than the fresh rows that are held');
  }
}
