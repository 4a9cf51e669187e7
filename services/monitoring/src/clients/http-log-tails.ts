import { type LogTail, logTail, type MonitoringTarget } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import type { LogCursor, LogTails } from '../domain/ports.ts';

const answerMsMax = 5_000;

export class HttpLogTails implements LogTails {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;

  constructor(client: HttpClient, identity: ServiceIdentity) {
    this.#client = client;
    this.#identity = identity;
  }

  read(target: MonitoringTarget, cursor: LogCursor | undefined): Promise<LogTail> {
    const query = cursor ? { after: String(cursor.next), boot: cursor.boot } : {};
    return this.#client.call<LogTail>(target.url, logTail, {
      token: this.#identity.token(target.tenant_id),
      query,
      timeoutMs: answerMsMax,
    });
  }
}
