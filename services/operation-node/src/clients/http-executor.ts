import { answerTypes, type ExecuteRequest, type LinesEnd, linesEndTrailer, tenantNode } from '@hybridstore/contracts';
import { type HttpClient, isUnknownHost, type ServiceIdentity, unknownTenant, wasNothingSent } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger, Semaphore, tenantUrl } from '@hybridstore/runtime';
import type { Executor, NodeAnswer, QueryCall } from '../ports.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';
import { callOptions, retry } from './retry.ts';

export type ExecutorParts = {
  readonly client: HttpClient;
  readonly identity: ServiceIdentity;
  readonly breakers: CircuitBreakers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tenantUrlTemplate: string;
};

const cancelMsMax = 2_000;
const cancelsRunningMax = 16;
const cancelsWaitingMax = 1_000;

/**
 * A tenant's nodes behind their Service. A plan is sent again only when connecting failed, or to a node that has just come or
 * is about to go, which runs none: it may be running otherwise.
 */
export class HttpExecutor implements Executor {
  readonly #parts: ExecutorParts;
  readonly #cancelling = new Semaphore({ running: cancelsRunningMax, waiting: cancelsWaitingMax });

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  async execute(tenantId: string, request: ExecuteRequest, call: QueryCall): Promise<NodeAnswer> {
    const { breakers, clock } = this.#parts;
    const answer = await retry(call, { clock, isSafe: wasNothingRun }, (attempt) =>
      breakers.run(`nodes of ${tenantId}`, call.signal, () => this.#send(tenantId, request, attempt)),
    ).catch((error: unknown) => {
      throw isUnknownHost(error) ? unknownTenant(tenantId) : error;
    });
    return {
      body: answer.body,
      contentType: String(answer.headers['content-type'] ?? 'application/json'),
      readLinesEnd: () => parseLinesEnd(answer.trailers[linesEndTrailer]),
    };
  }

  #send(tenantId: string, request: ExecuteRequest, call: QueryCall) {
    const { client, tenantUrlTemplate } = this.#parts;
    const accept = answerTypes[request.format];
    const options = callOptions(call);
    return client.stream(tenantUrl(tenantUrlTemplate, tenantId), tenantNode.execute, {
      ...options,
      headers: { ...options.headers, accept },
      body: { ...request, deadline_ms: call.timeoutMs },
    });
  }

  async cancel(tenantId: string, queryId: string): Promise<void> {
    const { client, identity, logger, tenantUrlTemplate } = this.#parts;
    try {
      await this.#cancelling.run(() =>
        client.call(tenantUrl(tenantUrlTemplate, tenantId), tenantNode.cancelExecution, {
          token: identity.token(tenantId),
          params: { query_id: queryId },
          timeoutMs: cancelMsMax,
        }),
      );
    } catch (error) {
      // The node notices the broken connection as well; this only helps where that comes late.
      logger.debug('execution_not_cancelled', { query_id: queryId, error });
    }
  }
}

/** Nodes of this version write it; those of an earlier one say nothing. */
function parseLinesEnd(text: string | undefined): LinesEnd | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as LinesEnd;
  } catch {
    // The lines are whole, and only our figures of them are missing.
    return undefined;
  }
}

function wasNothingRun(error: unknown): boolean {
  return wasNothingSent(error) || (isHybridStoreError(error, 'unavailable') && error.details['is_member'] === false);
}
