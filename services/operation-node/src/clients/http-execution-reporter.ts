import { cboEngine, type ExecutionReport } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { type Logger, Semaphore } from '@hybridstore/runtime';
import type { ExecutionReporter } from '../ports.ts';

export type ReporterParts = {
  readonly client: HttpClient;
  readonly identity: ServiceIdentity;
  readonly logger: Logger;
  readonly url: string;
};

const reportMsMax = 2_000;
const reportsRunningMax = 4;
const reportsWaitingMax = 256;

/** Reports in the background. What finds no room or no listener is dropped: the cost model learns from the next one. */
export class HttpExecutionReporter implements ExecutionReporter {
  readonly #parts: ReporterParts;
  readonly #running = new Semaphore({ running: reportsRunningMax, waiting: reportsWaitingMax });

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  report(execution: ExecutionReport): void {
    this.#running
      .run(() => this.#send(execution))
      .catch((error: unknown) =>
        this.#parts.logger.debug('execution_not_reported', { query_id: execution.query_id, error }),
      );
  }

  async #send(execution: ExecutionReport): Promise<void> {
    const { client, identity, url } = this.#parts;
    await client.call(url, cboEngine.reportExecution, {
      token: identity.token(),
      timeoutMs: reportMsMax,
      body: execution,
    });
  }
}
