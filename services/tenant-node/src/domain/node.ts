import type { Engine } from '@hybridstore/engine';
import type { Logger } from '@hybridstore/runtime';
import type { Drain } from './drain.ts';
import type { HandOn } from './hand-on.ts';
import type { KeyedWrites } from './keyed-writes.ts';
import type { NodeChecks } from './node-checks.ts';
import type { LargeWrites, MemberDirectory, MemberSightings, Members, WriteAdmission } from './ports.ts';
import type { QueryRunner } from './query-runner.ts';
import type { SnapshotPages } from './snapshot-pages.ts';

/** What the routes of one node stand on. */
export type TenantNode = {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly pod: string;
  readonly engine: Engine;
  readonly queries: QueryRunner;
  readonly keyedWrites: KeyedWrites;
  readonly largeWrites: LargeWrites;
  readonly writeGate: WriteAdmission;
  readonly members: MemberDirectory & Members;
  readonly sightings: MemberSightings;
  readonly handOn: HandOn;
  /** A node takes no more rows than these before the oldest are in a table. */
  readonly unflushedRowsMax: number;
  readonly drain: Drain;
  readonly snapshots: SnapshotPages;
  readonly checks: NodeChecks;
  readonly logger: Logger;
};
