import type { Clock, Logger } from '@hybridstore/runtime';
import type { SourceTable } from '../source-table.ts';
import { tableKey } from '../wal/segment-summary.ts';
import type { WriteAheadLog } from '../wal/write-ahead-log.ts';

/**
 * After a start: the frames of the log that no table has committed become fresh rows again. A frame is skipped when its
 * table's `txn` already covers its LSN (it is in a file), or when its life of the source is over (it was deleted).
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
