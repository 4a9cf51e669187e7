import { Type } from 'typebox';

/** `namespace/name` of the Tenant resource; both parts are DNS labels, the name at most 40 characters. */
export const tenantIdPattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z]([-a-z0-9]{0,38}[a-z0-9])?$';
export const TenantId = Type.String({ pattern: tenantIdPattern, maxLength: 104 });

/** A source is a table name in SQL and a folder name on disk, hence an ASCII identifier. */
export const sourceIdPattern = '^[a-z][a-z0-9_]{0,62}$';
export const SourceId = Type.String({ pattern: sourceIdPattern });

/** Column names are ASCII identifiers; two that differ by case only are refused, since Delta readers fold case. */
export const columnNamePattern = '^[A-Za-z_][A-Za-z0-9_]{0,127}$';
export const ColumnName = Type.String({ pattern: columnNamePattern });

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
