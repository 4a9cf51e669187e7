import { type CommitNotice, metadataCatalog } from '@hybridstore/contracts';
import type { Commit, Engine } from '@hybridstore/engine';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger } from '@hybridstore/runtime';

export type CommitNoticeOptions = {
  readonly engine: Pick<Engine, 'source' | 'unflushedRows'>;
  readonly client: Pick<HttpClient, 'call'>;
  readonly identity: ServiceIdentity;
  readonly catalogUrl: string;
  readonly tenantId: string;
  readonly nodeUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

const waitingMax = 1_000;
const callMsMax = 5_000;
const retryMsMin = 200;
const retryMsMax = 10_000;

/**
 * Notifies the catalog of each commit, in order, as well as it goes. A notice that is lost costs nothing but time: the
 * catalog sees the gap at the next one and reads the table again. Nothing here can hold up or fail a write.
 */
export class CommitNotices {
  readonly #options: CommitNoticeOptions;
  readonly #waiting: Commit[] = [];
  readonly #closed = new AbortController();
  #isSending = false;
  #dropped = 0;

  constructor(options: CommitNoticeOptions) {
    this.#options = options;
  }

  /** Commits that were never reported because the line was full. */
  get dropped(): number {
    return this.#dropped;
  }

  push(commit: Commit): void {
    this.#waiting.push(commit);
    if (this.#waiting.length > waitingMax) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    if (!this.#isSending) void this.#sendAll();
  }

  close(): void {
    this.#closed.abort();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    let retryMs = retryMsMin;
    while (!this.#closed.signal.aborted) {
      const commit = this.#waiting[0];
      if (!commit) break;
      if (await this.#send(commit)) {
        if (this.#waiting[0] === commit) this.#waiting.shift();
        retryMs = retryMsMin;
        continue;
      }
      // Rejects only when the process ends.
      await this.#options.clock.sleep(retryMs, this.#closed.signal).catch(() => {});
      retryMs = Math.min(retryMs * 2, retryMsMax);
    }
    this.#isSending = false;
  }

  /** Whether the catalog has dealt with it; what it refuses is not sent again. */
  async #send(commit: Commit): Promise<boolean> {
    const { client, identity, catalogUrl, tenantId, logger } = this.#options;
    try {
      const body = await this.#build(commit);
      const call = { token: identity.token(tenantId), body, timeoutMs: callMsMax, signal: this.#closed.signal };
      await client.call(catalogUrl, metadataCatalog.commitNotice, call);
      return true;
    } catch (error) {
      const isPassing = ['unavailable', 'deadline_exceeded', 'overloaded', 'internal'].some((code) =>
        isHybridStoreError(error, code as 'unavailable'),
      );
      logger.warn('commit_notice_failed', { source_id: commit.sourceId, version: commit.state.version, error });
      return !isPassing;
    }
  }

  async #build(commit: Commit): Promise<CommitNotice> {
    const { engine, tenantId, nodeUrl, clock } = this.#options;
    const { state } = commit;
    const { definition } = await engine.source(commit.sourceId);
    return {
      tenant_id: tenantId,
      source_id: commit.sourceId,
      definition,
      columns: [...state.columns],
      schema_version: state.schemaVersion,
      table_version: state.version,
      committed_at: new Date(state.committedAtMs ?? clock.now()).toISOString(),
      since_version: commit.sinceVersion,
      added: [...commit.added],
      removed: [...commit.removed],
      unflushed_rows: engine.unflushedRows(),
      node_url: nodeUrl,
    };
  }
}
