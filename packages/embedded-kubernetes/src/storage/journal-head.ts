import {
  type Disk,
  type DiskFile,
  isHybridStoreError,
  isRecord,
  openSealed,
  privateFile,
  sealJson,
} from '@hybridstore/runtime';

/**
 * How much of a journal was durable, kept outside of it: a file that is cut between two lines looks whole by itself. Two
 * slots, each with a checksum, are written in turn, so a torn one leaves the other. The bytes are written after those that
 * they count were synced, and are synced with the journal's next beginning or end only: a second sync for each batch would
 * cost as much as the first. A process that is killed leaves it exact, a power cut leaves an older one, which asks for less.
 */
export type Durable = {
  /** Of the file: each that takes its place has the next one. */
  readonly generation: number;
  readonly bytes: number;
};

const slotBytes = 256;
const name = 'objects.head';

export class JournalHead {
  readonly #file: DiskFile;
  #sequence: number;

  private constructor(file: DiskFile, sequence: number) {
    this.#file = file;
    this.#sequence = sequence;
  }

  /** What was noted last; nothing for a journal that has no head, or when both slots are damaged. */
  static async open(
    disk: Disk,
    path: string,
  ): Promise<{ readonly head: JournalHead; readonly durable: Durable | undefined }> {
    const bytes = (await disk.stat(path)) === undefined ? Buffer.alloc(0) : await disk.readFile(path);
    const slots = [0, 1].map((slot) => readSlot(bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes)));
    const newest = slots.reduce(
      (best, slot) => ((slot?.sequence ?? 0) > (best?.sequence ?? 0) ? slot : best),
      undefined,
    );
    return { head: new JournalHead(await disk.open(path, privateFile), newest?.sequence ?? 0), durable: newest };
  }

  async note({ generation, bytes }: Durable): Promise<void> {
    this.#sequence += 1;
    const slot = Buffer.alloc(slotBytes, ' ');
    slot.write(sealJson({ sequence: this.#sequence, generation, bytes }, name));
    await this.#file.write(slot, (this.#sequence % 2) * slotBytes);
  }

  sync(): Promise<void> {
    return this.#file.datasync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

type Slot = Durable & { readonly sequence: number };

function readSlot(bytes: Buffer): Slot | undefined {
  try {
    const value = openSealed(bytes, name);
    // A slot that was never written, or not to its end, has no seal.
    if (!isRecord(value) || !bytes.includes('"sha256"')) return undefined;
    return value as Slot; // sealed by `note`
  } catch (error) {
    if (isHybridStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}
