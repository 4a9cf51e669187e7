import { Type } from 'typebox';

/** `namespace/name` of the Tenant resource; both parts are DNS labels, the name at most 40 characters. */
export const tenantIdPattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z]([-a-z0-9]{0,38}[a-z0-9])?$';
export const TenantId = Type.String({ pattern: tenantIdPattern, maxLength: 104 });

/** A source is a table name in SQL and a folder name on disk, hence an ASCII identifier. */
export const sourceIdPattern = '^[a-z][a-z0-9_]{0,62}$';
export const SourceId = Type.String({ pattern: sourceIdPattern });

/** UTF-8 bytes of a column's name. */
export const columnNameBytesMax = 128;
/** What a pattern can say of a name; `findColumnNameProblem` knows the rest. Read alike by JavaScript and by RE2. */
export const columnNamePattern = '^[^\\x00-\\x1f\\x7f-\\x9f]+$';
export const ColumnName = Type.String({
  minLength: 1,
  maxLength: columnNameBytesMax,
  description:
    'a text of at most 128 bytes of UTF-8 in normal form C, without control characters and not blank; case alone does not tell columns apart',
});

/** What keeps a text from being a column's name, as what is expected instead; undefined when nothing does. */
export function findColumnNameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'a name that is not blank';
  if (new TextEncoder().encode(name).length > columnNameBytesMax) return `at most ${columnNameBytesMax} bytes of UTF-8`;
  if (!name.isWellFormed()) return 'a name without lone UTF-16 surrogates';
  if (/[\p{Cc}\u2028\u2029\ufeff]/u.test(name))
    return 'a name without control characters, line breaks and byte order marks';
  // Two spellings of one text would be two columns that look alike.
  if (name !== name.normalize('NFC')) return 'a name in Unicode normal form C';
  // No record can have it: to JavaScript it is not a field.
  if (name === '__proto__') return 'another name';
  return undefined;
}

/**
 * Names of columns are the same when this is: some reader of tables folds the case of all letters, another upper-cases
 * them, where ß is SS. Lower case first and last, since neither case alone brings all forms of a letter together.
 */
export function foldColumnName(name: string): string {
  return name.toLowerCase().toUpperCase().toLowerCase();
}

export const QueryId = Type.String({ pattern: '^q-[0-9a-f]{32}$' });
export const batchIdPattern = '^[A-Za-z0-9._:-]+$';
export const batchIdLengthMax = 128;
/** Chosen by the client; the same id within 24 hours (`BATCH_ID_RETENTION_HOURS`) is acknowledged again and applied once. */
export const BatchId = Type.String({ minLength: 1, maxLength: batchIdLengthMax, pattern: batchIdPattern });
/** A log sequence number: counts from 1, stays below 2^53. */
export const Lsn = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const columnsMax = 2_000;
export const recordsPerWriteMax = 100_000;
export const jsonDepthMax = 64;
export const queryTextBytesMax = 256 * 1024;
