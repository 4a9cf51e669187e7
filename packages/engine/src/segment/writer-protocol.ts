import type { Column, FileStatistics } from '@hybridstore/contracts';
import type { ChildProtocol } from '@hybridstore/runtime';

/** What the main process and its writer child say to each other: one request at a time, and one answer to each. */
export type WriterRequest =
  /** Payload: log frames, one after the other. */
  | ({ readonly kind: 'write' } & WriteRequest)
  | ({ readonly kind: 'merge' } & MergeRequest)
  /** Payload: NDJSON rows of a checkpoint. */
  | ({ readonly kind: 'checkpoint' } & CheckpointRequest);

export type WriteRequest = {
  readonly target: SegmentTarget;
  /** In all frames. */
  readonly rows: number;
};

export type MergeRequest = {
  readonly target: SegmentTarget;
  /** Absolute paths of segments of one partition value. */
  readonly paths: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  readonly partition: Readonly<Record<string, string | null>>;
};

export type CheckpointRequest = {
  /** DuckDB types of the rows by column. */
  readonly columns: Readonly<Record<string, string>>;
  /** For the file's key-value metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
};

export type SegmentTarget = {
  /** Absolute; where the files are left. */
  readonly folder: string;
  readonly filePrefix: string;
  readonly columns: readonly Column[];
  /** Of the columns, in a table whose files tell them. */
  readonly fieldIds?: readonly number[] | undefined;
  readonly partitionColumns: readonly string[];
  readonly sortColumns: readonly string[];
  readonly compression: 'snappy' | 'zstd' | 'gzip' | 'none';
  readonly fileBytesMax: number;
};

/** A finished segment; `checksum` is of its bytes (`segment-checksum.ts`). */
export type SegmentFile = { readonly statistics: FileStatistics; readonly checksum: string };

export type WriterAnswer =
  | { readonly kind: 'files'; readonly files: readonly SegmentFile[] }
  /** Of a Parquet file in the spool folder, which is the asker's from now on. */
  | { readonly kind: 'path'; readonly path: string }
  /** The request could not be done; the next one can. */
  | { readonly kind: 'refused'; readonly why: 'no_memory' | 'no_space' | 'failed'; readonly message: string };

/** What the child is started with. */
export type WriterOptions = {
  /** DuckDB's own limit. */
  readonly memoryBytesMax: number;
  readonly threads: number;
  /** For temporary files; on a local disk. */
  readonly spoolFolder: string;
};

/** The engine's own limit. Each column takes room of its own, however few its rows are. */
export function memoryLimitBytes({ memoryBytesMax }: Pick<WriterOptions, 'memoryBytesMax'>, columns: number): number {
  return Math.max(memoryBytesMax, columns * columnBytes);
}

const columnBytes = 160 * 1024;

/** Rows that the child loads at once: with them go a row group, its compressed pages, and what the allocator wastes. */
export function loadBytes({ memoryBytesMax }: Pick<WriterOptions, 'memoryBytesMax'>): number {
  return Math.floor(memoryBytesMax / 5);
}

/** Frames of one flush: the child has them beside what it loads. A frame that is larger goes alone. */
export function requestFramesBytes({ memoryBytesMax }: Pick<WriterOptions, 'memoryBytesMax'>): number {
  return Math.min(framesBytesMax, Math.floor(memoryBytesMax / 4));
}

const framesBytesMax = 128 * 1024 * 1024;

/** More than the largest frame, or the frames of one flush. */
const requestBytesMax = 256 * 1024 * 1024;

export const writerProtocol: ChildProtocol = {
  name: 'segment-writer',
  version: 1,
  bounds: { messageBytesMax: requestBytesMax, queuedBytesMax: requestBytesMax },
};
