import { dirname, join } from 'node:path';
import type { KubeObject, Stored } from '@hybridstore/controller-runtime';
import {
  type Disk,
  type DiskFile,
  HybridStoreError,
  isRecord,
  isTemporaryName,
  privateFile,
  privateFolder,
  replaceFileDurably,
  sealOf,
} from '@hybridstore/runtime';
import { type Durable, JournalHead } from './journal-head.ts';

/**
 * The embedded API server's memory across restarts: one file of JSON lines, each the new state of one object (or its
 * removal). Appends are written in batches, one write and one fdatasync in flight, all waiters released together.
 * At start the file is read, a torn last line (a crash in mid-write) is dropped, and the file is rewritten with the live
 * objects only: written beside, synced, renamed, folder synced. It holds Secrets, so nobody else may read it.
 *
 *     {"generation":7,"records":2,"sha256":"…"}                     of this file, and how many lines it began with
 *     {"revision":41,"collection":…,"object":{…},"sha256":"…"}      the checksum is of the one before and of this line
 *
 * So a line that is changed, missing, doubled or in another's place is found; that lines are missing at the end, by the
 * head beside it (`journal-head.ts`). A journal of before the checksums has neither, and is read as it is.
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
  #generation: number;
  /** Of the last line in the file: the next one's is of it too. */
  #seal = '';
  readonly #head: JournalHead;
  #pending: string[] = [];
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #records = 0;
  #last: JournalRecord | undefined;
  readonly #live = new Map<string, string>();

  private constructor(disk: Disk, path: string, opened: Pick<Opened, 'file' | 'head' | 'generation'>) {
    this.#disk = disk;
    this.#path = path;
    this.#file = opened.file;
    this.#head = opened.head;
    this.#generation = opened.generation;
  }

  /** Opens (or begins) the journal and gives what it holds. Throws `corrupt` when it does not hold all that was answered. */
  static async open(
    disk: Disk,
    path: string,
  ): Promise<{ readonly journal: Journal; readonly records: readonly JournalRecord[] }> {
    await disk.createFolder(dirname(path), privateFolder);
    await removeUnfinished(disk, dirname(path));
    const { head, durable } = await JournalHead.open(disk, headPath(path));
    const { records, generation } = readJournal(await readIfThere(disk, path), path, durable);
    const journal = new Journal(disk, path, { file: await disk.open(path, privateFile), head, generation });
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
    await this.#head.sync();
    await this.#head.close();
    await this.#file.close();
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      const bytes = this.#sealLines(batch);
      await this.#file.write(bytes, this.#bytes);
      await this.#file.datasync();
      this.#bytes += bytes.length;
      await this.#noteDurable();
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
    this.#generation += 1;
    this.#seal = '';
    const first = JSON.stringify({ generation: this.#generation, records: lines.length });
    const bytes = this.#sealLines([first, ...lines]);
    await replaceFileDurably(this.#disk, { path: this.#path, bytes, mode: privateFile });
    await this.#file.close();
    this.#file = await this.#disk.open(this.#path, privateFile);
    this.#bytes = bytes.length;
    this.#records = lines.length;
    await this.#noteDurable();
    await this.#head.sync();
  }

  #sealLines(lines: readonly string[]): Buffer {
    const sealed = lines.map((line) => {
      this.#seal = sealOf(this.#seal, line);
      return `${line.slice(0, -1)},"${sealField}":"${this.#seal}"}\n`;
    });
    return Buffer.from(sealed.join(''));
  }

  #noteDurable(): Promise<void> {
    return this.#head.note({ generation: this.#generation, bytes: this.#bytes });
  }

  #remember(record: JournalRecord, line: string): void {
    this.#last = record;
    const id = `${record.collection} ${record.key}`;
    if (record.object === undefined) this.#live.delete(id);
    else this.#live.set(id, line);
  }
}

type Opened = {
  readonly file: DiskFile;
  readonly head: JournalHead;
  readonly records: readonly JournalRecord[];
  readonly generation: number;
};

const sealField = 'sha256';
const sealed = new RegExp(`^(\\{.*),"${sealField}":"([0-9a-f]{64})"\\}$`, 's');

function headPath(path: string): string {
  return join(dirname(path), 'objects.head');
}

async function readIfThere(disk: Disk, path: string): Promise<Buffer> {
  return (await disk.stat(path)) === undefined ? Buffer.alloc(0) : disk.readFile(path);
}

/** What a crash in mid-rewrite left beside the journal. */
async function removeUnfinished(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder)) if (isTemporaryName(name)) await disk.remove(join(folder, name));
}

function readJournal(
  bytes: Buffer,
  path: string,
  durable: Durable | undefined,
): Pick<Opened, 'records' | 'generation'> {
  // A last line without its line break is torn, and was never answered; if it was, the head knows.
  const wholeBytes = bytes.lastIndexOf('\n') + 1;
  const lines = bytes.toString('utf8', 0, wholeBytes).split('\n').slice(0, -1);
  const isSealed = lines[0] !== undefined && sealed.test(lines[0]);
  if (!isSealed && (durable?.generation ?? 0) === 0) return { records: readUnsealed(lines, path), generation: 0 };
  const [first, ...records] = openLines(lines, path);
  const { generation, records: atFirst } = requireBeginning(first, path);
  const isShort =
    records.length < atFirst ||
    generation < (durable?.generation ?? 0) ||
    (generation === durable?.generation && wholeBytes < durable.bytes);
  if (isShort)
    throw new HybridStoreError('corrupt', `${path}: its end is missing, after ${records.length} records`, {
      expected: `${durable?.bytes ?? 0} bytes`,
      actual: wholeBytes,
    });
  return { records: records as JournalRecord[], generation }; // sealed by this class
}

function requireBeginning(line: unknown, path: string): { readonly generation: number; readonly records: number } {
  if (isRecord(line) && typeof line['generation'] === 'number' && typeof line['records'] === 'number')
    return { generation: line['generation'], records: line['records'] };
  throw noRecord(`${path}:1`);
}

function openLines(lines: readonly string[], path: string): readonly unknown[] {
  let before = '';
  return lines.map((line, index) => {
    const [, open, seal = ''] = sealed.exec(line) ?? [];
    if (open === undefined || seal !== sealOf(before, `${open}}`)) throw noRecord(`${path}:${index + 1}`);
    before = seal;
    return JSON.parse(`${open}}`) as unknown;
  });
}

function readUnsealed(lines: readonly string[], path: string): readonly JournalRecord[] {
  return lines.filter((line) => line !== '').map((line, index) => parseRecord(line, `${path}:${index + 1}`));
}

function parseRecord(line: string, position: string): JournalRecord {
  try {
    return JSON.parse(line) as JournalRecord; // written by this class only, before it sealed its lines
  } catch (cause) {
    throw noRecord(position, cause);
  }
}

function noRecord(position: string, cause?: unknown): HybridStoreError {
  const message = `${position}: expected a journal record in JSON, as it was written`;
  return new HybridStoreError('corrupt', message, { position }, { cause });
}
