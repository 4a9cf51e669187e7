import { dirname, join } from 'node:path';
import type { KubeObject, Stored } from '@hybridstore/controller-runtime';
import {
  type Disk,
  type DiskFile,
  HybridStoreError,
  isTemporaryName,
  privateFile,
  privateFolder,
  replaceFileDurably,
} from '@hybridstore/runtime';

/**
 * The embedded API server's memory across restarts: one file of JSON lines, each the new state of one object (or its
 * removal). Appends are written in batches, one write and one fdatasync in flight, all waiters released together.
 * At start the file is read, a torn last line (a crash in mid-write) is dropped, and the file is rewritten with the live
 * objects only: written beside, synced, renamed, folder synced. It holds Secrets, so nobody else may read it.
 */
export type JournalRecord = {
  readonly revision: number;
  readonly collection: string;
  readonly key: string;
  /** Absent: the object is gone. */
  readonly object?: Stored<KubeObject>;
};

/** When the file holds this many times more records than objects it is rewritten while running. */
const rewriteFactor = 8;
const rewriteRecordsMin = 20_000;

export class Journal {
  readonly #disk: Disk;
  readonly #path: string;
  #file: DiskFile;
  /** Where the next append goes. */
  #bytes = 0;
  #pending: string[] = [];
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #records = 0;
  #last: JournalRecord | undefined;
  readonly #live = new Map<string, string>();

  private constructor(disk: Disk, path: string, file: DiskFile) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  /** Opens (or begins) the journal and gives what it holds. Throws `corrupt` when a line in the middle is unreadable. */
  static async open(
    disk: Disk,
    path: string,
  ): Promise<{ readonly journal: Journal; readonly records: readonly JournalRecord[] }> {
    await disk.createFolder(dirname(path), privateFolder);
    await removeUnfinished(disk, dirname(path));
    const records = parseRecords(await readIfThere(disk, path), path);
    const journal = new Journal(disk, path, await disk.open(path, privateFile));
    for (const record of records) journal.#remember(record, JSON.stringify(record));
    await journal.#rewrite();
    return { journal, records };
  }

  append(record: JournalRecord): void {
    const line = JSON.stringify(record);
    this.#remember(record, line);
    this.#records += 1;
    this.#pending.push(line);
  }

  /** Resolves when all that was appended is on disk; rejects for good after a failed write. */
  async flushed(): Promise<void> {
    while (this.#pending.length > 0 || this.#writing !== undefined) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#writing ??= this.#writeBatch().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    await this.flushed();
    await this.#file.close();
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      const bytes = Buffer.from(`${batch.join('\n')}\n`);
      await this.#file.write(bytes, this.#bytes);
      await this.#file.datasync();
      this.#bytes += bytes.length;
      if (this.#records > rewriteRecordsMin && this.#records > this.#live.size * rewriteFactor) await this.#rewrite();
    } catch (error) {
      // What reached the disk is unknown from here on, so nothing may be acknowledged any more.
      this.#failure = error;
      throw error;
    }
  }

  /** Only live objects survive; the last record keeps the revision counter where it was. */
  async #rewrite(): Promise<void> {
    const isLastRemoval = this.#last !== undefined && this.#last.object === undefined;
    const lines = [...this.#live.values(), ...(isLastRemoval ? [JSON.stringify(this.#last)] : [])];
    // Appends that wait are in `#live` too: writing them twice is harmless, losing them is not.
    const bytes = Buffer.from([...lines, ''].join('\n'));
    await replaceFileDurably(this.#disk, { path: this.#path, bytes, mode: privateFile });
    await this.#file.close();
    this.#file = await this.#disk.open(this.#path, privateFile);
    this.#bytes = bytes.length;
    this.#records = lines.length;
  }

  #remember(record: JournalRecord, line: string): void {
    this.#last = record;
    const id = `${record.collection} ${record.key}`;
    if (record.object === undefined) this.#live.delete(id);
    else this.#live.set(id, line);
  }
}

async function readIfThere(disk: Disk, path: string): Promise<string> {
  return (await disk.stat(path)) === undefined ? '' : (await disk.readFile(path)).toString();
}

/** What a crash in mid-rewrite left beside the journal. */
async function removeUnfinished(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder)) if (isTemporaryName(name)) await disk.remove(join(folder, name));
}

function parseRecords(text: string, path: string): JournalRecord[] {
  const lines = text.split('\n');
  lines.pop(); // '' after a whole last line; a torn one was never acknowledged: its line break is missing
  return lines.filter((line) => line !== '').map((line, index) => parseRecord(line, `${path}:${index + 1}`));
}

function parseRecord(line: string, position: string): JournalRecord {
  try {
    return JSON.parse(line) as JournalRecord; // written by this class only
  } catch (cause) {
    throw new HybridStoreError('corrupt', `${position}: expected a journal record in JSON`, { position }, { cause });
  }
}
