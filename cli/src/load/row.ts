export type Fields = Readonly<Record<string, unknown>>;

/** Where a row stands in its file, counted from 1: lines of text, items of a JSON array, rows of a columnar file. */
export type RowPosition = { readonly unit: 'line' | 'item' | 'row'; readonly position: number };

/** One row, or why what stands in its place is none; and how many bytes of the file were read when it came. */
export type ReadRow = RowPosition & { readonly bytesRead: number } & (
    | { readonly fields: Fields; readonly rejection?: never }
    | { readonly fields?: never; readonly rejection: string }
  );

/** Reads a file from start to end. Throws `invalid_request` when the file as a whole is not what it should be. */
export type Reader = (path: string) => AsyncIterable<ReadRow>;
