import type { FileStatistics } from '@hybridstore/contracts';

export const mebibyte = 1_048_576;

/** A file of 10 rows with ids 0 to 9, unless the test says otherwise. */
export function testFile(path: string, file: Partial<FileStatistics> = {}): FileStatistics {
  return {
    path,
    bytes: mebibyte,
    rows: 10,
    partition: {},
    columns: { id: { min: '0', max: '9', nulls: 0 } },
    modified_at: 1_000,
    ...file,
  };
}
