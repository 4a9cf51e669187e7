import { HybridStoreError, isErrno, LruCache, Semaphore, SingleFlight } from '@hybridstore/runtime';
import { checksumBytes, findBadRange, type Pace } from '../segment/segment-checksum.ts';
import type { ObjectStore } from '../store/ports.ts';
import { checksumTag, type LiveFile } from '../table-log/snapshot.ts';

/** A live file of a table as its log has it. `checksum` is absent in files of other writers, and in ours of before. */
export type SegmentRef = {
  readonly sourceId: string;
  readonly location: string;
  readonly path: string;
  readonly bytes: number;
  readonly checksum: string | undefined;
};

const filesMax = 100_000;
/** Each holds a piece of a file in memory. */
const readsMax = 4;
const waitingMax = 1_000_000;

/**
 * Whether files hold the bytes that were committed. Each is read as a whole at its first use in this process, and again when
 * the store says that it is another one; in between, only the scrub looks. Of a file without checksum only the size is known.
 */
export class SegmentVerifier {
  readonly #store: Pick<ObjectStore, 'stat' | 'getRange'>;
  readonly #verified = new LruCache<string, string>(filesMax);
  readonly #flights = new SingleFlight<string, void>();
  readonly #reads = new Semaphore({ running: readsMax, waiting: waitingMax });

  constructor(store: Pick<ObjectStore, 'stat' | 'getRange'>) {
    this.#store = store;
  }

  /** `corrupt` names source and file. `again`: also when it was verified before. */
  async verify(segment: SegmentRef, { again = false, pace }: VerifyOptions = {}): Promise<void> {
    const key = keyOf(segment);
    const version = await this.#requireSize(segment);
    if (!again && this.#verified.get(key) === version) return;
    // Who is in a hurry does not wait for a read at the rate of the scrub.
    await this.#flights.run(`${key} ${version} ${again} ${pace !== undefined}`, () =>
      this.#reads.run(async () => {
        await this.#read(segment, pace);
        this.#verified.set(key, version);
      }),
    );
  }

  /** What this process has written a moment ago was read back for its checksum. */
  async trust(segment: Pick<SegmentRef, 'location' | 'path' | 'bytes'>): Promise<void> {
    const stat = await this.#store.stat(keyOf(segment));
    if (stat?.bytes === segment.bytes) this.#verified.set(keyOf(segment), stat.version);
  }

  /** The version that the store gives the file. */
  async #requireSize(segment: SegmentRef): Promise<string> {
    const stat = await this.#store.stat(keyOf(segment));
    if (!stat) throw damagedSegment(segment, 'it is missing');
    if (stat.bytes !== segment.bytes)
      throw damagedSegment(segment, `it has ${stat.bytes} bytes, ${segment.bytes} were committed`);
    return stat.version;
  }

  async #read(segment: SegmentRef, pace: Pace | undefined): Promise<void> {
    const { checksum, bytes } = segment;
    if (checksum === undefined) return;
    if (checksumBytes(checksum) !== bytes) throw damagedSegment(segment, 'its checksum is of a file of another size');
    const bad = await findBadRange((offset, length) => this.#readRange(segment, offset, length), checksum, pace);
    if (bad) throw damagedSegment(segment, `bytes ${bad.from} to ${bad.to} are not those that were committed`);
  }

  async #readRange(segment: SegmentRef, offset: number, length: number): Promise<Buffer> {
    try {
      return await this.#store.getRange(keyOf(segment), offset, length);
    } catch (error) {
      // A disk that gives these bytes no more is damage of this file; other errors pass.
      if (isErrno(error, 'EIO')) throw damagedSegment(segment, `bytes from ${offset} on cannot be read`);
      throw error;
    }
  }
}

export type VerifyOptions = { readonly again?: boolean; readonly pace?: Pace };

export function segmentRef(
  table: { readonly sourceId: string; readonly location: string },
  file: LiveFile,
): SegmentRef {
  const { add, statistics } = file;
  const { sourceId, location } = table;
  return { sourceId, location, path: statistics.path, bytes: add.size, checksum: add.tags?.[checksumTag] ?? undefined };
}

function keyOf({ location, path }: Pick<SegmentRef, 'location' | 'path'>): string {
  return `${location}/${path}`;
}

function damagedSegment({ sourceId, path }: SegmentRef, what: string): HybridStoreError {
  return new HybridStoreError('corrupt', `source ${sourceId}: file ${path} is damaged: ${what}`, {
    source_id: sourceId,
    file: path,
  });
}
