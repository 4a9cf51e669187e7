import type { Logger } from './log.ts';

export type Phase = { readonly name: string; readonly run: () => Promise<void> | void };

/** What a process may take to close what it holds, beside the time in which it still answers. */
export const closingMsMax = 25_000;

/**
 * Ends a process in named phases, in order, on SIGTERM or SIGINT, once. A phase that throws is logged and the next one
 * runs: a failed close must not keep the log from being synced. A second signal, or `msMax`, ends at once with code 1.
 */
export function onShutdown(logger: Logger, phases: readonly Phase[], msMax = closingMsMax): void {
  let isClosing = false;
  const close = async (signal: string) => {
    if (isClosing) process.exit(1);
    isClosing = true;
    logger.info('shutdown_started', { signal });
    setTimeout(() => process.exit(1), msMax).unref();
    process.exit((await runPhases(logger, phases)) ? 0 : 1);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void close(signal));
}

/** All phases in order, whatever fails; true when none did. Nothing here bounds their time: `onShutdown` does. */
export async function runPhases(logger: Logger, phases: readonly Phase[]): Promise<boolean> {
  let isClean = true;
  for (const phase of phases) {
    try {
      await phase.run();
      logger.info('shutdown_phase_done', { phase: phase.name });
    } catch (error) {
      isClean = false;
      logger.error('shutdown_phase_failed', { phase: phase.name, error });
    }
  }
  return isClean;
}
