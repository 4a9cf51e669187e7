import { LogTail, logTail, type MonitoringTarget } from '@hybridstore/contracts';
import { compileValidator, type HttpClient, type ServiceIdentity } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { LogCursor, LogTails } from '../domain/ports.ts';

const answerMsMax = 2_000;
const checkTail = compileValidator(LogTail);

export class HttpLogTails implements LogTails {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;

  constructor(client: HttpClient, identity: ServiceIdentity) {
    this.#client = client;
    this.#identity = identity;
  }

  async read(target: MonitoringTarget, cursor: LogCursor | undefined): Promise<LogTail> {
    const query = cursor ? { after: cursor.next, boot: cursor.boot } : {};
    const tail = await this.#client.call(target.url, logTail, {
      token: this.#identity.token(target.tenant_id),
      query,
      timeoutMs: answerMsMax,
    });
    if (!checkTail.check<LogTail>(tail))
      throw new HybridStoreError('unavailable', `${target.instance} answered no log tail: ${checkTail.describe()}`);
    return tail;
  }
}
