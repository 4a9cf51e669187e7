import { cboEngine, type ExecutionReport, executionReportsMax } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { ExecutionReporter } from '../ports.ts';

export type ReporterParts = {
  readonly client: HttpClient;
  readonly identity: ServiceIdentity;
  readonly clock: Pick<Clock, 'schedule'>;
  readonly logger: Logger;
  readonly url: string;
};

export const reportEveryMs = 1_000;
const reportMsMax = 2_000;

/**
 * Reports in the background, together what ended within a second. What finds no room or no listener is dropped: the cost
 * model learns from the next one.
 */
export class HttpExecutionReporter implements ExecutionReporter {
  readonly #parts: ReporterParts;
  #waiting: ExecutionReport[] = [];
  #isScheduled = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  report(execution: ExecutionReport): void {
    if (this.#waiting.length < executionReportsMax) this.#waiting.push(execution);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.clock.schedule(reportEveryMs, () => void this.#send());
  }

  async #send(): Promise<void> {
    const { client, identity, logger, url } = this.#parts;
    const executions = this.#waiting;
    this.#waiting = [];
    try {
      await client.call(url, cboEngine.reportExecutions, {
        token: identity.token(),
        timeoutMs: reportMsMax,
        body: { executions },
      });
    } catch (error) {
      logger.debug('executions_not_reported', { executions: executions.length, error });
    } finally {
      this.#isScheduled = false;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}
