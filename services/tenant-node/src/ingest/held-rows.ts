import { recordsPerWriteMax } from '@hybridstore/contracts';
import type { EncoderSchema } from '@hybridstore/engine';
import { HybridStoreError } from '@hybridstore/runtime';

/** Rows of a body that was read, to be encoded when the source's columns are known; perhaps more than once. */
export type HeldRows = {
  readonly rows: number;
  /** That it keeps, unpacked. */
  readonly bytes: number;
  /** As `BatchEncoder.encode`. */
  readonly encode: (schema: EncoderSchema, reservedBytes: number) => Buffer;
};

export function wrongCount(rows: number): HybridStoreError {
  const expected = `1 to ${recordsPerWriteMax} rows`;
  return new HybridStoreError('invalid_request', `body: expected ${expected}, found ${rows}`, {
    field: 'body',
    expected,
    actual: rows,
  });
}
