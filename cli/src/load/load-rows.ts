import { HybridStoreError, isExactNumber, isHybridStoreError } from '@hybridstore/runtime';
import type { Fields, ReadRow, RowPosition } from './row.ts';

export type Batch = {
  readonly number: number;
  readonly records: readonly { readonly fields: Fields }[];
  readonly bytesRead: number;
};
export type SendBatch = (
  batch: Batch,
  idempotencyKey: string,
) => Promise<{ readonly accepted: number; readonly duplicate?: boolean }>;

/** Rows in a form that the platform reads as a whole: what it refuses there is read row by row. */
export type Packed = { readonly type: string; readonly bytes: Uint8Array };
export type SendPacked = (packed: Packed, idempotencyKey: string) => ReturnType<SendBatch>;

/**
 * Some rows of a file that follow each other, cut by what the file holds and nothing else. `packed` is undefined where the
 * rows have to be read one by one.
 */
export type Block = {
  readonly packed: Packed | undefined;
  readonly rows: () => AsyncIterable<ReadRow>;
  /** Of the file, when it was cut. */
  readonly bytesRead: number;
};

/** A row that was left out, and what it lacks. */
export type RejectedRow = RowPosition & { readonly reason: string };

export type LoadOptions = {
  /** Of the file, for messages. */
  readonly name?: string;
  readonly rowsPerBatch: number;
  readonly bytesPerBatchMax: number;
  readonly parallel: number;
  /** Names the batches together with their number, so that each is applied once, however often it is sent. */
  readonly loadId: string;
  /** Rows that may be left out before the load ends. */
  readonly rejectedMax: number;
  /**
   * The form of a row on the wire; what it throws as `invalid_request` is why there is none. Batches are cut before it, so
   * that their cuts depend on the file alone.
   */
  readonly prepare?: (fields: Fields) => Fields;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly onProgress: (bytesRead: number, rows: number) => void;
  readonly onRejected?: (row: RejectedRow) => void;
  /** No batch is begun after it aborts; those under way are waited for. */
  readonly signal?: AbortSignal;
};

/** `acknowledged` counts rows; `duplicates` those among them that an earlier load had brought already. */
export type LoadResult = {
  readonly acknowledged: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly isInterrupted: boolean;
};

type CutBatch = Batch & { readonly positions: readonly RowPosition[] };

const attemptsMax = 12;
const backoffMsMax = 10_000;

/**
 * Sends rows in batches, some at once, each repeated with the same Idempotency-Key while the platform asks to come
 * back later. A row that the platform (or the reader) refuses is left out and reported, up to `rejectedMax`; the platform
 * takes a batch whole or not at all, so the rest of it goes again. Any other refusal ends the load.
 */
export async function loadRows(
  rows: AsyncIterable<ReadRow>,
  send: SendBatch,
  options: LoadOptions,
): Promise<LoadResult> {
  const rejections = new Rejections(options);
  const reject = rejections.reject;
  return sendAll(batches(rows, options, reject), options, rejections, (batch) =>
    sendWithoutRejected(batch, `${options.loadId}.${batch.number}`, send, options, reject),
  );
}

/** So many blocks in a row that had to be read row by row, and had nothing to reject, are enough to know the file. */
const vainMax = 4;

/**
 * The same of blocks. Each is sent packed, in which form the platform takes it whole or not at all. One that it refuses is
 * read row by row, and sent under the same id: so what is rejected, and how it is said, is the same either way.
 */
export async function loadBlocks(
  blocks: AsyncIterable<Block>,
  { send, sendPacked }: { readonly send: SendBatch; readonly sendPacked: SendPacked },
  options: LoadOptions,
): Promise<LoadResult> {
  const rejections = new Rejections(options);
  let vain = 0;
  const sendBlock = async ({ packed, rows, number }: Block & { readonly number: number }): Promise<Answer> => {
    const key = `${options.loadId}.${number}`;
    if (packed !== undefined && vain < vainMax) {
      const answer = await unlessRefused(() => sendUntilAnswered(() => sendPacked(packed, key), options));
      if (answer) {
        vain = 0;
        return answer;
      }
    }
    const before = rejections.count;
    let [accepted, duplicate] = [0, false];
    for await (const batch of batches(rows(), options, rejections.reject)) {
      // One that is cut once more has its own ids, which follow from the rows as well.
      const answer = await sendWithoutRejected(
        batch,
        batch.number === 0 ? key : `${key}.${batch.number}`,
        send,
        options,
        rejections.reject,
      );
      accepted += answer.accepted;
      duplicate ||= answer.duplicate === true;
    }
    vain = rejections.count === before ? vain + 1 : 0;
    return { accepted, duplicate };
  };
  return sendAll(numbered(blocks), options, rejections, sendBlock);
}

/** Undefined where the platform refuses what came, whole; what it is then asked row by row says why. */
async function unlessRefused(send: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await send();
  } catch (error) {
    if (isHybridStoreError(error, 'invalid_request') || isHybridStoreError(error, 'too_large')) return undefined;
    throw error;
  }
}

async function* numbered(blocks: AsyncIterable<Block>): AsyncGenerator<Block & { readonly number: number }> {
  let number = 0;
  for await (const block of blocks) yield { ...block, number: number++ };
}

class Rejections {
  count = 0;
  readonly #options: LoadOptions;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  readonly reject: Reject = (row, cause) => {
    this.count += 1;
    if (this.count > this.#options.rejectedMax) throw tooManyRejected(row, this.#options, cause);
    this.#options.onRejected?.(row);
  };
}

/** Some at once. The first failure ends it, when those under way have come home. */
async function sendAll<Part extends { readonly bytesRead: number }>(
  parts: AsyncIterable<Part>,
  options: LoadOptions,
  rejections: Rejections,
  sendPart: (part: Part) => Promise<Answer>,
): Promise<LoadResult> {
  const inFlight = new Set<Promise<void>>();
  let acknowledged = 0;
  let duplicates = 0;
  let failure: unknown;
  for await (const part of parts) {
    const flight: Promise<void> = sendPart(part)
      .then((answer) => {
        acknowledged += answer.accepted;
        if (answer.duplicate === true) duplicates += answer.accepted;
        options.onProgress(part.bytesRead, acknowledged);
      })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(flight));
    inFlight.add(flight);
    if (inFlight.size >= options.parallel) await Promise.race(inFlight);
    if (failure !== undefined || options.signal?.aborted) break;
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
  return {
    acknowledged,
    duplicates,
    rejected: rejections.count,
    isInterrupted: options.signal?.aborted === true,
  };
}

/** `line 7`, as messages name a row. */
export function formatPosition(row: RowPosition): string {
  return `${row.unit} ${row.position}`;
}

function tooManyRejected(row: RejectedRow, { name, rejectedMax }: LoadOptions, cause: unknown): HybridStoreError {
  const file = name === undefined ? '' : `${name}: `;
  const first = rejectedMax === 0 ? '' : `more than ${rejectedMax} rows were rejected, the last: `;
  return new HybridStoreError(
    'invalid_request',
    `${file}${first}${formatPosition(row)}: ${row.reason}`,
    { position: row.position, rejected_max: rejectedMax },
    { cause },
  );
}

type Answer = Awaited<ReturnType<SendBatch>>;
type Reject = (row: RejectedRow, cause?: unknown) => void;

/** A refused batch was not applied, so what remains of it may keep its key. */
async function sendWithoutRejected(
  batch: CutBatch,
  key: string,
  send: SendBatch,
  options: LoadOptions,
  reject: Reject,
): Promise<Answer> {
  let { records, positions } = batch;
  while (records.length > 0) {
    try {
      const rest = { ...batch, records };
      return await sendUntilAnswered(() => send(rest, key), options);
    } catch (error) {
      if (!isHybridStoreError(error, 'invalid_request')) throw error;
      const index = rejectedIndex(error, records.length);
      const position = index === undefined ? undefined : positions[index];
      if (index === undefined || position === undefined) throw error;
      reject({ ...position, reason: describeRejection(error) }, error);
      records = records.toSpliced(index, 1);
      positions = positions.toSpliced(index, 1);
    }
  }
  return { accepted: 0 };
}

/** The place in the batch of the record that the platform names in its refusal. */
function rejectedIndex(error: HybridStoreError, records: number): number | undefined {
  const { index, field } = error.details;
  const named = typeof index === 'number' ? index : Number(/^records[[./](\d+)/.exec(String(field))?.[1] ?? Number.NaN);
  return Number.isInteger(named) && named >= 0 && named < records ? named : undefined;
}

/** Without the record's number in the request, which says nothing to who wrote the file. */
function describeRejection(error: HybridStoreError): string {
  return error.message.replace(/^records[[./]\d+\]?[./]?(fields[./])?/, '');
}

async function sendUntilAnswered(send: () => Promise<Answer>, options: LoadOptions): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const mayRepeat =
        isHybridStoreError(error, 'overloaded') ||
        isHybridStoreError(error, 'unavailable') ||
        isHybridStoreError(error, 'deadline_exceeded');
      if (!mayRepeat || attempt === attemptsMax) throw error;
      const asked = error.details['retry_after_ms'];
      await options.sleep(Math.min(backoffMsMax, Math.max(typeof asked === 'number' ? asked : 0, 100 * 2 ** attempt)));
    }
  }
}

async function* batches(rows: AsyncIterable<ReadRow>, options: LoadOptions, reject: Reject): AsyncGenerator<CutBatch> {
  let records: { fields: Fields }[] = [];
  let positions: RowPosition[] = [];
  let taken = 0;
  let bytes = 0;
  let number = 0;
  let bytesRead = 0;
  for await (const row of rows) {
    bytesRead = row.bytesRead;
    if (row.fields === undefined) {
      reject({ unit: row.unit, position: row.position, reason: row.rejection });
      continue;
    }
    const size = estimateBytes(row.fields);
    if (taken > 0 && (taken >= options.rowsPerBatch || bytes + size > options.bytesPerBatchMax)) {
      yield { number: number++, records, positions, bytesRead };
      records = [];
      positions = [];
      taken = 0;
      bytes = 0;
    }
    taken += 1;
    bytes += size;
    const fields = prepareOrReject(row, row.fields, options, reject);
    if (fields === undefined) continue;
    records.push({ fields });
    positions.push({ unit: row.unit, position: row.position });
  }
  if (records.length > 0) yield { number, records, positions, bytesRead };
}

function prepareOrReject(
  { unit, position }: RowPosition,
  fields: Fields,
  { prepare }: LoadOptions,
  reject: Reject,
): Fields | undefined {
  if (prepare === undefined) return fields;
  try {
    return prepare(fields);
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    reject({ unit, position, reason: error.message }, error);
    return undefined;
  }
}

const numberBytes = 20;

/** Near the bytes of a value as JSON; never far below them, and the same for the same file. */
function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 3;
  if (value instanceof Uint8Array) return Math.ceil((value.length * 4) / 3) + 3;
  if (typeof value !== 'object' || value === null || value instanceof Date) return numberBytes;
  if (isExactNumber(value)) return value.rawJSON.length;
  let bytes = 2;
  for (const [name, item] of Object.entries(value)) bytes += name.length + 4 + estimateBytes(item);
  return bytes;
}
