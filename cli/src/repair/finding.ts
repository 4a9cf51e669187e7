import type { ErrorCode } from '@hybridstore/contracts';
import type { LogRepair } from '@hybridstore/engine/integrity';

/** A volume, or one file of a service. */
export type PartKind = 'tables' | 'log' | 'users' | 'catalog' | 'logs';
export type Part = {
  readonly kind: PartKind;
  /** A folder; of a database the file. */
  readonly path: string;
  /** Below the folder that was named; what was named itself is called as it was. */
  readonly name: string;
};

/** What a repair may do about a finding. Each moves something aside; nothing is deleted. */
export type Action =
  | { readonly kind: 'set_aside_object'; readonly location: string; readonly name: string }
  | { readonly kind: 'give_up_file'; readonly location: string; readonly name: string; readonly rows: number }
  | { readonly kind: 'repair_log'; readonly repair: LogRepair }
  | { readonly kind: 'set_aside_database' };

export type Finding = {
  readonly part: string;
  readonly kind: PartKind;
  readonly source?: string;
  /** Below the part. */
  readonly file: string;
  readonly problem: string;
  /** What it means for queries, writes and log-ins. */
  readonly effect: string;
  readonly repair: string;
  readonly action?: Action;
};

export type PartReport = {
  readonly part: Part;
  readonly files: number;
  readonly bytes: number;
  /** Files of before that carry no checksum: of these only sizes and footers, or pages, were looked at. */
  readonly withoutChecksum: number;
  readonly findings: readonly Finding[];
  /** What is no damage, and worth knowing. */
  readonly notes: readonly string[];
};

/** A part that nobody could look at, and why. */
export type Unchecked = {
  readonly kind: PartKind;
  readonly name: string;
  readonly code: ErrorCode;
  readonly reason: string;
};

/** What may be given up. Without leave, nothing is. */
export type Leave = { readonly dropDamagedFiles: boolean; readonly resetUsers: boolean };
