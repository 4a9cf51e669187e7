export type Fields = Readonly<Record<string, unknown>>;

/** Where a row stands in its file, counted from 1: lines of text, items of a JSON array, rows of a columnar file. */
export type RowPosition = { readonly unit: 'line' | 'item' | 'row'; readonly position: number };

/** One row, or why what stands in its place is none; and how many bytes of the file were read when it came. */
export type ReadRow = RowPosition & { readonly bytesRead: number } & (
    | { readonly fields: Fields; readonly rejection?: never }
    | { readonly fields?: never; readonly rejection: string }
  );

/** How a file is to be read, where its name and its bytes do not say it. */
export type ReadOptions = {
  /** Of text; absent: UTF-8, or UTF-16 when a byte order mark says so. */
  readonly encoding?: Encoding;
  /** Of CSV, one character; absent: what the header shows. */
  readonly delimiter?: string;
  /** Of CSV, one character, or empty for none; absent: `"`. */
  readonly quote?: string;
  /** Hears in one sentence each what was found out about the file, or left out of it. */
  readonly onNote?: (sentence: string) => void;
};

export const encodings = ['utf-8', 'latin1', 'windows-1252', 'utf-16', 'utf-16le', 'utf-16be'] as const;
export type Encoding = (typeof encodings)[number];

/** Reads a file from start to end. Throws `invalid_request` when the file as a whole is not what it should be. */
export type Reader = (path: string, options: ReadOptions) => AsyncIterable<ReadRow>;
