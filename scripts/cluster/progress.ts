/** A step that is still running says so this often: a build takes minutes and must not look hung. */
export const heartbeatMs = 10_000;

/** Takes what a step is doing, for its next line. */
export type Report = (doing: string) => void;

/** Steps with their seconds on standard error, so that standard output stays free for results. */
export type Progress = <T>(step: string, work: (report: Report) => Promise<T>) => Promise<T>;

/** Prints a line when a step takes long, with what it is doing if it says so, and one with its duration when it ends. */
export function createProgress(write: (line: string) => void = (line) => process.stderr.write(`${line}\n`)): Progress {
  return async (step, work) => {
    const startedMs = performance.now();
    let doing = '';
    const report: Report = (what) => {
      doing = `: ${what}`;
    };
    const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(1).padStart(6);
    const heartbeat = setInterval(() => write(`${seconds()} s  … ${step}${doing}`), heartbeatMs);
    try {
      const result = await work(report);
      write(`${seconds()} s  ${step}`);
      return result;
    } catch (error) {
      write(`${seconds()} s  FAILED: ${step}${doing}`);
      throw error;
    } finally {
      clearInterval(heartbeat);
    }
  };
}

/** The same steps, each of which fails as soon as the signal is given: the caller's clean-up then runs at once. */
export function abortable(progress: Progress, signal: AbortSignal | undefined): Progress {
  if (signal === undefined) return progress;
  return (step, work) =>
    progress(step, (report) => {
      signal.throwIfAborted();
      return Promise.race([work(report), rejectOnAbort(signal)]);
    });
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
