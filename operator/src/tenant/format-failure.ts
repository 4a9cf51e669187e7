import type { NodeFailure } from './world.ts';

/** Pod, image, and what was said. */
export function formatFailure({ pod, image, message, isOutdated }: NodeFailure): string {
  return `${pod} (${image}${isOutdated ? ', of an older template' : ''}): ${message}`;
}

/** The first, and how many more there are. */
export function formatFailures(failures: readonly NodeFailure[]): string {
  const [first, ...others] = failures;
  if (first === undefined) return '';
  return `${formatFailure(first)}${others.length === 0 ? '' : `; and ${others.length} more`}`;
}
