import { FreshHeader, type LogPositions, type Member, memberHeader, tenantNode } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch } from '@hybridstore/engine';
import { compileValidator, type HttpClient, readAll, type ServiceIdentity } from '@hybridstore/http';
import { type Clock, HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';
import type { Batch, BatchCalls, BatchEntry, Peer, PeerFresh } from '../domain/ports.ts';
import type { MemberCalls, PositionCalls } from '../membership/ports.ts';
import { Reach } from './reach.ts';

const announceMsMax = 2_000;
/** The receiver makes a call of its own meanwhile. */
const callBackMsMax = 2 * announceMsMax;
const freshMsMax = 10_000;
/** Up to a million ids. */
const ownedMsMax = 30_000;
/** Longer than a write waits there, for its place and for room. */
const forwardMsMax = 25_000;
/** A member bounds its unflushed rows far below this. */
const freshBytesMax = 1024 * 1024 * 1024;
const lineBreak = 0x0a;
const checkHeader = compileValidator(FreshHeader);

/** Calls to the other nodes of the tenant, with this node's service token. */
export class PeerClient implements MemberCalls, BatchCalls, PositionCalls {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;
  readonly #tenantId: string;
  readonly #reach: Reach;

  constructor(parts: { client: HttpClient; identity: ServiceIdentity; tenantId: string; clock: Clock }) {
    this.#client = parts.client;
    this.#identity = parts.identity;
    this.#tenantId = parts.tenantId;
    this.#reach = new Reach(parts.clock);
  }

  async announce(receiver: Member, member: Member): Promise<void> {
    const call = { token: this.#token(), body: member, timeoutMs: announceMsMax };
    await this.#client.call(receiver.url, tenantNode.join, call);
    this.heard(receiver.pod);
  }

  async callBack(receiver: Member, { pod, url }: Pick<Member, 'pod' | 'url'>): Promise<void> {
    const call = { token: this.#token(), body: { pod, url }, timeoutMs: callBackMsMax };
    try {
      await this.#client.call(receiver.url, tenantNode.callBack, call);
    } catch (error) {
      // A node of an earlier version calls nobody back.
      if (!isHybridStoreError(error, 'not_found')) throw error;
      await this.greet(receiver);
    }
    this.heard(receiver.pod);
  }

  async visit({ pod, url }: Pick<Member, 'pod' | 'url'>): Promise<void> {
    const call = { token: this.#token(), timeoutMs: announceMsMax };
    const found = await this.#client.call(url, tenantNode.members, call);
    if (found.pod !== pod)
      throw new HybridStoreError('unavailable', `expected ${pod} at ${url}, found ${found.pod}`, { pod });
  }

  async greet(receiver: Member): Promise<number> {
    const call = { token: this.#token(), timeoutMs: announceMsMax };
    const ask = () => this.#client.call(receiver.url, tenantNode.members, call);
    try {
      const { members } = await this.#reach.try(receiver, ask);
      return members.find(({ pod }) => pod === receiver.pod)?.unflushed_rows ?? 0;
    } catch (error) {
      // A node of an earlier version is there, and has no such endpoint.
      if (isHybridStoreError(error, 'not_found')) return 0;
      throw error;
    }
  }

  async positions(receiver: Member): Promise<LogPositions | undefined> {
    const call = { token: this.#token(), timeoutMs: announceMsMax };
    try {
      return await this.#reach.try(receiver, () => this.#client.call(receiver.url, tenantNode.logPositions, call));
    } catch (error) {
      // A node of an earlier version has no such endpoint.
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  async owned(receiver: Member, pod: string): Promise<readonly BatchEntry[] | undefined> {
    const call = { token: this.#token(), body: { pod }, timeoutMs: ownedMsMax };
    try {
      return (await this.#client.call(receiver.url, tenantNode.ownedBatches, call)).batches;
    } catch (error) {
      // A node of an earlier version has no such endpoint, and is asked for each id.
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  away(pod: string) {
    return this.#reach.away(pod);
  }

  heard(pod: string): void {
    this.#reach.heard(pod);
  }

  async forward(owner: Member, batch: Batch, userToken: string): Promise<AppendResult> {
    const { batchId } = batch;
    const { headers, ...body } = { headers: {}, ...writeBody(batch) };
    const call = {
      token: userToken,
      ...body,
      headers: { ...headers, [memberHeader]: '1', ...(batchId === undefined ? {} : { 'idempotency-key': batchId }) },
      timeoutMs: forwardMsMax,
    };
    const answer = await this.#reach.try(owner, () => this.#client.call(owner.url, tenantNode.write, call));
    const { lsn, accepted, durable, duplicate, warnings = [] } = answer;
    return { lsn, accepted, durable, duplicate, warnings };
  }

  async find(member: Member, sourceId: string, batchId: string): Promise<AppliedBatch | undefined> {
    const body = { source_id: sourceId, batch_id: batchId };
    const call = { token: this.#token(), body, timeoutMs: announceMsMax };
    const ask = () => this.#client.call(member.url, tenantNode.findBatch, call);
    const { found } = await this.#reach.try(member, ask);
    return found ?? undefined;
  }

  connect(member: Member): Peer {
    return {
      pod: member.pod,
      log: `hybridstore/${member.pod}/${member.log_id}`,
      fresh: (sourceId, afterLsn, signal) => this.#fresh(member, { sourceId, afterLsn }, signal),
    };
  }

  #token(): string {
    return this.#identity.token(this.#tenantId);
  }

  async #fresh(
    member: Member,
    wanted: { readonly sourceId: string; readonly afterLsn: number },
    signal: AbortSignal,
  ): Promise<PeerFresh> {
    const call = {
      token: this.#token(),
      body: { source_id: wanted.sourceId, after_lsn: wanted.afterLsn },
      timeoutMs: freshMsMax,
      signal,
    };
    try {
      const ask = () => this.#client.stream(member.url, tenantNode.fresh, call);
      const answer = await this.#reach.try(member, ask, signal);
      return readFresh(await readAll(answer.body, freshBytesMax), member);
    } catch (error) {
      throw signal.aborted ? error : describeUnreachable(error, member);
    }
  }
}

/** A large write goes on as it came. */
function writeBody({ sourceId, records, batchId }: Batch) {
  if ('body' in records) {
    const { body: json, type } = records;
    return type === undefined ? { json } : { json, query: { source_id: sourceId }, headers: { 'content-type': type } };
  }
  return { body: { source_id: sourceId, records, ...(batchId === undefined ? {} : { batch_id: batchId }) } };
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
  const details = isHybridStoreError(error) ? error.details : {};
  const wrapped = retryLater('unavailable', message, 1_000, { ...details, member: member.pod });
  return new HybridStoreError('unavailable', wrapped.message, wrapped.details, { cause: error });
}
