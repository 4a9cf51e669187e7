import { Counter, Gauge, type Registry } from '@hybridstore/runtime';
import type { CatalogMetrics } from './domain/ports.ts';
import type { TableCache } from './domain/table-cache.ts';

export function createCatalogMetrics(registry: Registry, tables: TableCache): CatalogMetrics {
  const registers = [registry];
  const notices = new Counter({
    name: 'hybridstore_catalog_commit_notices_total',
    help: 'Commit notices by what was done with them',
    labelNames: ['decision'],
    registers,
  });
  const compactions = new Counter({
    name: 'hybridstore_catalog_compactions_total',
    help: 'Compactions of tables by outcome',
    labelNames: ['state'],
    registers,
  });
  const merged = new Counter({
    name: 'hybridstore_catalog_compacted_bytes_total',
    help: 'Bytes of files that were merged',
    registers,
  });
  new Gauge({
    name: 'hybridstore_catalog_index_cells',
    help: 'File statistics held in memory, in columns of files',
    registers,
    collect() {
      this.set(tables.cells);
    },
  });
  return {
    countNotice: (decision) => notices.inc({ decision }),
    countCompaction: (result) => {
      compactions.inc({ state: result.state });
      merged.inc(result.bytes_before);
    },
  };
}
