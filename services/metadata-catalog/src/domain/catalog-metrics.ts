import type { CompactionResult } from '@hybridstore/contracts';
import type { CommitDecision } from './commit-decision.ts';

/** What the catalog counts. */
export interface CatalogMetrics {
  countNotice(decision: CommitDecision): void;
  countCompaction(result: CompactionResult): void;
}
