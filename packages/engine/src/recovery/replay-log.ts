import type { Clock, Logger } from '@hybridstore/runtime';
import type { SourceTable } from '../source-table.ts';
import { tableKey } from '../wal/segment-summary.ts';
import type { WriteAheadLog } from '../wal/write-ahead-log.ts';

/**
 * After a start: the frames of the log that no table has committed become fresh rows again.
 *
 *   log      …  LSN 4 flights/6a  5 movies/1f  6 flights/6a  7 flights/6a  8 flights/02 | torn
 *   tables   flights is 6a, its txn of this log says 6; movies was deleted
 *
 *   4, 6  are in flights' files      → passed over
 *   5, 8  another life of a source   → passed over: rows of a table that is no more
 *   7     in no file                 → into memory, and flushed in time
 *   torn  was acknowledged to nobody → cut off when the log was opened (`validateLog`)
 *
 * So nothing is applied twice however often a node dies on the way, and the order of log, files and commit needs no
 * bookkeeping of its own: the LSN in the table's `txn` is the only mark.
 *
 * Left out: rows of a table that cannot be read now (its frames stay in the log, and a restart tries again), and finding out
 * who would have had batches that were never acknowledged (they send them again, under their ids).
 */
export async function replayLog(
  log: WriteAheadLog,
  tables: ReadonlyMap<string, SourceTable>,
  context: { readonly clock: Clock; readonly logger: Logger },
): Promise<number> {
  const byKey = new Map([...tables.values()].map((table) => [table.key, table]));
  let rows = 0;
  await log.replay({
    table: (key, lastLsn) => lastLsn > (byKey.get(key)?.memory.committedLsn ?? Number.POSITIVE_INFINITY),
    frame: (header) => {
      const table = byKey.get(tableKey(header.sourceId, header.tableTag));
      return table !== undefined && header.lsn > table.memory.committedLsn;
    },
    apply: (header, bytes) => {
      const table = byKey.get(tableKey(header.sourceId, header.tableTag))!;
      const { lsn, schemaVersion } = header;
      table.memory.add({ lsn, rows: header.rows, schemaVersion, bytes }, context.clock.now());
      rows += header.rows;
    },
  });
  if (rows > 0) context.logger.info('log_replayed', { rows });
  return rows;
}

/** The highest LSN of this log that any table has committed. */
export function highestCommittedLsn(tables: Iterable<SourceTable>): number {
  return [...tables].reduce((highest, table) => Math.max(highest, table.memory.committedLsn), 0);
}
