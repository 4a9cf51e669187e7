import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8's collector of the calling thread, which ends before it returns. `last-resort` also gives back what the heap holds in reserve. */
export type Collector = (options: {
  readonly type: 'minor' | 'major';
  readonly flavor?: 'regular' | 'last-resort';
}) => void;

/** V8 shows its collector in contexts that are made after the flag is set; others never see it. */
export function findCollector(): Collector {
  setFlagsFromString('--expose-gc');
  const collector = runInNewContext('gc') as Collector;
  setFlagsFromString('--no-expose-gc');
  return collector;
}
