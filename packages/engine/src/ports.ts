import type {
  Column,
  CompactTableRequest,
  CompactTableResponse,
  FileStatistics,
  SourceDefinition,
  SourceStats,
  Warning,
} from '@hybridstore/contracts';
import type { HybridStoreError } from '@hybridstore/runtime';
import type { FieldRecord } from './batch/batch-encoder.ts';
import type { EncoderSchema } from './batch/encoded-column.ts';
import type { ObjectStore } from './store/ports.ts';

/**
 * The engine of one node as its routes, its executor and its membership see it. The engine owns the log volume and
 * writes tables on the shared data volume; it knows nothing of HTTP, of other nodes' addresses or of SQL.
 */
export interface Engine {
  /** Random, made with the log volume, kept for its life. */
  readonly logId: string;
  /** `hybridstore/<pod>/<logId>`: the `appId` under which this log's rows are committed. */
  readonly appId: string;
  /** What the replicas share. Tables are the engine's; other prefixes are free. */
  readonly store: ObjectStore;

  /** Every table of the tenant, read again from the shared volume when a source is not known yet. */
  sources(): Promise<SourceListing>;
  /** `not_found` when no replica has created it. */
  source(sourceId: string): Promise<SourceState>;
  /** Creates the table (version 0, put-if-absent), or adds columns; the same definition again changes nothing. `conflict` names what cannot change. */
  putSource(definition: SourceDefinition): Promise<{ readonly created: boolean; readonly state: SourceState }>;
  /** As `putSource`, but columns and settings that a definition does not name stay as they are. */
  addToSource(definition: SourceDefinition): Promise<{ readonly created: boolean; readonly state: SourceState }>;
  deleteSource(sourceId: string): Promise<boolean>;

  /**
   * Validates, logs, and resolves after fdatasync. All or nothing: the first bad record refuses the batch, named by
   * index, field, expected and actual. A known batch id resolves with `duplicate` and the first LSN.
   * Errors: invalid_request, not_found, conflict (a new partition value, and no room for one), overloaded (unflushed rows at
   * their bound), unavailable (draining), storage_full.
   */
  append(batch: AppendBatch): Promise<AppendResult>;
  /**
   * Whether `append` would take so many rows of a source now, beside those that others were promised. Where it would not, a flush is started, unless one is under
   * way. `free` too where `append` has something else to say: of an unknown source, or when no rows are taken at all.
   */
  room(sourceId: string, rows: number, promisedRows?: number): Room;
  /** Called when there may be more room than before: a flush has ended, however, or no rows are taken any more. */
  onRoom(listener: () => void): void;

  /** What was answered to a batch id, as long as the log is kept. Undefined for a source or an id that is not known. */
  findBatch(sourceId: string, batchId: string): AppliedBatch | undefined;
  /** Every batch id that is remembered, for whoever takes over when this node leaves. */
  appliedBatches(): Iterable<readonly [key: string, applied: AppliedBatch]>;
  /** The key under which a batch id is remembered: it names one life of a source. Undefined for an unknown source. */
  batchKey(sourceId: string, batchId: string): string | undefined;

  /** The version that was looked at last, without another look; undefined for a source that was never looked at. */
  known(sourceId: string): TableState | undefined;
  /** Newest committed version of a table. Looks for newer commits of other replicas at each call (one stat when there is none). */
  snapshot(sourceId: string, atLeastVersion?: number): Promise<TableState>;
  /**
   * Absolute paths of files of a version, by their keys (`location/path`), for what opens files. The version must be pinned.
   * Each file holds the bytes that were committed; `corrupt` names the first that does not.
   */
  bringToLocal(keys: readonly string[]): Promise<readonly string[]>;
  /** Keeps the files of a version from being deleted while a query reads them. */
  pin(state: TableState): { release(): void };

  /** This log's acknowledged frames with LSN > `afterLsn`, and how far this log is committed. */
  fresh(sourceId: string, afterLsn: number): FreshFrames;

  /** How far this log has acknowledged and committed rows, of every source whose table this node has looked at. */
  positions(): readonly LogPosition[];

  /** Commits everything that was acknowledged when called; resolves after the commit. */
  flush(sourceId: string): Promise<{ readonly rows: number; readonly tableVersion: number }>;
  compact(sourceId: string, request: CompactTableRequest): Promise<CompactTableResponse>;
  stats(sourceId: string): Promise<SourceStats>;
  /**
   * Reads everything of a source and says what is not as it was written; damage is recorded for `stats`. At full speed, or
   * for somebody who looks on: at the rate of the scrub, until the signal.
   */
  check(sourceId: string, onlooker?: CheckOnlooker): Promise<SourceCheck>;
  /**
   * Reads everything of this node's log that is durable by now, at the rate of the scrub, while rows are appended, flushed
   * and removed; changes nothing. `unavailable` before the log was replayed.
   */
  checkLog(onlooker: LogOnlooker): Promise<LogCheck>;
  unflushedRows(): number;

  /** Resolves when everything that was acknowledged before the call is committed. */
  flushAll(): Promise<void>;
  /** Refuses appends (`unavailable`) from the moment it is called; resolves when everything is committed. `undrain` takes it back. */
  drain(): Promise<void>;
  undrain(): void;

  /** Called after each commit of this node with what changed. */
  onCommit(listener: (commit: Commit) => void): void;
  /** What is wrong although the node serves, each until it passes. */
  problems(): readonly EngineProblem[];
  /** Reasons why the engine cannot take writes now: `recovering`, `log_failed`, `draining`… */
  notReadyReasons(): readonly string[];
  close(): Promise<void>;
}

/** `damaged`: ids of sources whose pointer or table log is damaged, which says nothing about the others. */
export type SourceListing = { readonly states: readonly SourceState[]; readonly damaged: readonly string[] };

/** `reason` is a word of a closed set, `message` names sources and segments and no path. */
export type EngineProblem = {
  readonly kind: 'FlushFailing' | 'LogDamaged';
  readonly reason: string;
  readonly sourceId?: string;
  readonly sinceMs: number;
  readonly message: string;
};

export type SourceState = {
  readonly sourceId: string;
  readonly definition: SourceDefinition;
  /** Declared columns, or the one `doc` column of a schema-less source. */
  readonly columns: readonly Column[];
  readonly schemaVersion: number;
  readonly tableVersion: number;
};

export type AppendBatch = {
  readonly sourceId: string;
  /** Field values as they came in JSON, one object a row. */
  readonly records: readonly FieldRecord[] | EncodedElsewhere;
  readonly batchId?: string;
};

/** Records of a batch so large that a thread holds them, and encodes them there. */
export interface EncodedElsewhere {
  readonly length: number;
  /** As `BatchEncoder.encode` of an encoder of this schema. */
  encode(schema: EncoderSchema, reservedBytes: number): Promise<Buffer>;
}

/** `full`: until a flush has ended. An error: flushes of the source fail, and `append` answers this. */
export type Room = 'free' | 'full' | HybridStoreError;

export type AppendResult = {
  readonly lsn: number;
  readonly accepted: number;
  readonly durable: boolean;
  readonly duplicate: boolean;
  readonly warnings: readonly Warning[];
};

/** One version of a table. `txn` maps an appId to the highest LSN that is in the files. Paths are relative to `location`, a prefix of the store's keys. */
export type TableState = {
  readonly sourceId: string;
  readonly location: string;
  readonly version: number;
  readonly columns: readonly Column[];
  readonly schemaVersion: number;
  readonly files: readonly FileStatistics[];
  readonly txn: ReadonlyMap<string, number>;
  readonly committedAtMs: number | undefined;
};

/** A frame as it stands in the log: header and columnar batch; `bytes` is the whole frame. */
export type Frame = {
  readonly lsn: number;
  readonly rows: number;
  readonly schemaVersion: number;
  readonly bytes: Uint8Array;
};
export type FreshFrames = {
  readonly acknowledgedLsn: number;
  /** Rows of this source with LSN ≤ this are in the files of `tableVersion` and later. */
  readonly committedLsn: number;
  readonly tableVersion: number;
  readonly frames: readonly Frame[];
};

/** `location` names the life of the source. */
export type LogPosition = {
  readonly sourceId: string;
  readonly location: string;
  readonly acknowledgedLsn: number;
  readonly committedLsn: number;
};

export type Commit = {
  readonly sourceId: string;
  readonly state: TableState;
  readonly sinceVersion: number;
  readonly added: readonly FileStatistics[];
  readonly removed: readonly string[];
};

/** What was answered to a batch id. */
export type AppliedBatch = { readonly lsn: number; readonly accepted: number; readonly durable: boolean };

/** What a look at every byte of a source has found. It changes nothing, and needs no engine. */
export type SourceCheck = {
  readonly sourceId: string;
  /** Undefined when the source was deleted, or when nobody can say. */
  readonly location: string | undefined;
  readonly problems: readonly SourceProblem[];
  /** Whether queries that need none of the damaged segments are answered. */
  readonly isReadable: boolean;
  readonly objects: number;
  readonly bytes: number;
  /** Live files that have no checksum, so only their size was looked at. They get one when they are compacted. */
  readonly filesWithoutChecksum: number;
};

export type CheckOnlooker = { readonly signal: AbortSignal; readonly onRead: (bytes: number) => void };

/** `onTotal`: bytes that are about to be read, as far as they are known. */
export type LogOnlooker = CheckOnlooker & { readonly onTotal: (bytes: number) => void };

/** What a look at every durable byte of a log has found, while its node serves. */
export type LogCheck = { readonly files: number; readonly bytes: number; readonly problems: readonly LogProblem[] };

export type LogProblem = {
  readonly kind: 'segment' | 'ids' | 'head' | 'log-id';
  /** Of the file. */
  readonly name: string;
  readonly reason: string;
  /** Whether the next start loses nothing by it: rows are in their tables, ids in their segment, the rest is written anew. */
  readonly isSpare: boolean;
  /** Frames of a segment that the next start would lack. The node has what is in no table in memory. */
  readonly lost?: { readonly afterLsn: number; readonly untilLsn: number };
};

export type SourceProblem = {
  readonly kind: 'pointer' | 'log' | 'segment';
  /** Below the table's location, but for a pointer. */
  readonly name: string;
  readonly reason: string;
  /** Of a segment: as its commit says. */
  readonly rows?: number;
};
