import type { Clock, Disk, Logger, Registry } from '@hybridstore/runtime';
import type { EngineLimits } from './engine-limits.ts';
import type { SegmentWriter } from './segment/segment-writer.ts';

export type EngineOptions = {
  /** Name of the pod: with the log's id it names this node's rows in every table. */
  readonly pod: string;
  /** On the node's own volume. */
  readonly logFolder: string;
  /** On the volume that all replicas share. */
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once when the log cannot be trusted any more; the process must end and replay. */
  readonly onFatal: (error: Error) => void;
  readonly metrics?: Registry;
  readonly disk?: Disk;
  readonly limits?: Partial<EngineLimits>;
  readonly random?: () => number;
  /** The child that writes segments; tests hand in one that several engines share. */
  readonly segmentWriter?: SegmentWriter;
};
