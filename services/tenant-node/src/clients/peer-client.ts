import { FreshHeader, type Member, memberHeader, tenantNode } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch } from '@hybridstore/engine';
import { compileValidator, type HttpClient, readAll, type ServiceIdentity } from '@hybridstore/http';
import { HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';
import type { BatchCalls, KeyedBatch, Peer, PeerFresh } from '../domain/ports.ts';
import type { MemberCalls } from '../membership/ports.ts';

const announceMsMax = 2_000;
const freshMsMax = 10_000;
const forwardMsMax = 60_000;
/** A member bounds its unflushed rows far below this. */
const freshBytesMax = 1024 * 1024 * 1024;
const lineBreak = 0x0a;
const checkHeader = compileValidator(FreshHeader);

/** Calls to the other nodes of the tenant, with this node's service token. */
export class PeerClient implements MemberCalls, BatchCalls {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;
  readonly #tenantId: string;

  constructor(client: HttpClient, identity: ServiceIdentity, tenantId: string) {
    this.#client = client;
    this.#identity = identity;
    this.#tenantId = tenantId;
  }

  async announce(receiver: Member, member: Member): Promise<void> {
    const token = this.#identity.token(this.#tenantId);
    await this.#client.call(receiver.url, tenantNode.join, { token, body: member, timeoutMs: announceMsMax });
  }

  async forward(owner: Member, batch: KeyedBatch, userToken: string): Promise<AppendResult> {
    const answer = await this.#client.call(owner.url, tenantNode.write, {
      token: userToken,
      ...writeBody(batch),
      headers: { [memberHeader]: '1', 'idempotency-key': batch.batchId },
      timeoutMs: forwardMsMax,
    });
    const { lsn, accepted, durable, duplicate, warnings = [] } = answer;
    return { lsn, accepted, durable, duplicate, warnings };
  }

  async find(member: Member, sourceId: string, batchId: string): Promise<AppliedBatch | undefined> {
    const token = this.#identity.token(this.#tenantId);
    const body = { source_id: sourceId, batch_id: batchId };
    const call = { token, body, timeoutMs: announceMsMax };
    const { found } = await this.#client.call(member.url, tenantNode.findBatch, call);
    return found ?? undefined;
  }

  connect(member: Member): Peer {
    return {
      pod: member.pod,
      log: `hybridstore/${member.pod}/${member.log_id}`,
      fresh: (sourceId, afterLsn, signal) => this.#fresh(member, { sourceId, afterLsn }, signal),
    };
  }

  async #fresh(
    member: Member,
    wanted: { readonly sourceId: string; readonly afterLsn: number },
    signal: AbortSignal,
  ): Promise<PeerFresh> {
    try {
      const answer = await this.#client.stream(member.url, tenantNode.fresh, {
        token: this.#identity.token(this.#tenantId),
        body: { source_id: wanted.sourceId, after_lsn: wanted.afterLsn },
        timeoutMs: freshMsMax,
        signal,
      });
      return readFresh(await readAll(answer.body, freshBytesMax), member);
    } catch (error) {
      throw signal.aborted ? error : describeUnreachable(error, member);
    }
  }
}

/** A large write goes on as it came. */
function writeBody({ sourceId, records, batchId }: KeyedBatch) {
  return 'body' in records ? { json: records.body } : { body: { source_id: sourceId, records, batch_id: batchId } };
}

function readFresh(bytes: Buffer, member: Member): PeerFresh {
  const end = bytes.indexOf(lineBreak);
  const header: unknown = JSON.parse(bytes.toString('utf8', 0, Math.max(0, end)));
  if (!checkHeader.check<FreshHeader>(header))
    throw new HybridStoreError(
      'corrupt',
      `${member.pod} answered with a header that is not one: ${checkHeader.describe()}`,
    );
  const frames = bytes.subarray(end + 1);
  if (frames.length !== header.bytes)
    throw new HybridStoreError('corrupt', `${member.pod} announced ${header.bytes} bytes and sent ${frames.length}`);
  return {
    log: header.app_id,
    acknowledgedLsn: header.acknowledged_lsn,
    committedLsn: header.committed_lsn,
    tableVersion: header.table_version,
    unflushedRows: header.unflushed_rows,
    flushFailing: header.flush_failing,
    frames: frames.length === 0 ? [] : [frames],
  };
}

/** Rows of a member that does not answer may exist nowhere else: the read has to wait for it, or do without by its own choice. */
function describeUnreachable(error: unknown, member: Member): HybridStoreError {
  const reason = isHybridStoreError(error) ? error.message : String(error);
  const message = `member ${member.pod} cannot be asked for its newest rows (${reason}); consistency "committed" reads without them`;
  const wrapped = retryLater('unavailable', message, 1_000, { member: member.pod });
  return new HybridStoreError('unavailable', wrapped.message, wrapped.details, { cause: error });
}
