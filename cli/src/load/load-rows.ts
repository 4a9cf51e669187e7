import { randomUUID } from 'node:crypto';
import { isHybridStoreError } from '@hybridstore/runtime';

export type Batch = {
  readonly number: number;
  readonly records: readonly { readonly fields: Readonly<Record<string, unknown>> }[];
  readonly bytesRead: number;
};
export type SendBatch = (batch: Batch, idempotencyKey: string) => Promise<{ readonly accepted: number }>;

export type LoadOptions = {
  readonly rowsPerBatch: number;
  readonly bytesPerBatchMax: number;
  readonly parallel: number;
  /** Batches of one load id are applied once, however often they are sent. */
  readonly loadId?: string;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly onProgress: (bytesRead: number, rows: number) => void;
};

const attemptsMax = 12;
const backoffMsMax = 10_000;

/**
 * Sends rows in batches, some at once, each repeated with the same Idempotency-Key while the platform asks to come
 * back later. Gives the number of acknowledged rows; the first refusal ends the load.
 */
export async function loadRows(
  rows: AsyncIterable<{ readonly fields: Readonly<Record<string, unknown>>; readonly bytesRead: number }>,
  send: SendBatch,
  options: LoadOptions,
): Promise<number> {
  const loadId = options.loadId ?? randomUUID();
  const inFlight = new Set<Promise<void>>();
  let acknowledged = 0;
  let failure: unknown;
  for await (const batch of batches(rows, options)) {
    const flight: Promise<void> = sendUntilAcknowledged(batch, `${loadId}.${batch.number}`, send, options)
      .then((accepted) => {
        acknowledged += accepted;
        options.onProgress(batch.bytesRead, acknowledged);
      })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(flight));
    inFlight.add(flight);
    if (inFlight.size >= options.parallel) await Promise.race(inFlight);
    if (failure !== undefined) break;
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
  return acknowledged;
}

async function sendUntilAcknowledged(
  batch: Batch,
  key: string,
  send: SendBatch,
  options: LoadOptions,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await send(batch, key)).accepted;
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

async function* batches(
  rows: AsyncIterable<{ readonly fields: Readonly<Record<string, unknown>>; readonly bytesRead: number }>,
  options: LoadOptions,
): AsyncGenerator<Batch> {
  let records: { fields: Readonly<Record<string, unknown>> }[] = [];
  let bytes = 0;
  let number = 0;
  let bytesRead = 0;
  for await (const row of rows) {
    const size = JSON.stringify(row.fields).length;
    if (records.length > 0 && (records.length >= options.rowsPerBatch || bytes + size > options.bytesPerBatchMax)) {
      yield { number: number++, records, bytesRead };
      records = [];
      bytes = 0;
    }
    records.push({ fields: row.fields });
    bytes += size;
    bytesRead = row.bytesRead;
  }
  if (records.length > 0) yield { number, records, bytesRead };
}
