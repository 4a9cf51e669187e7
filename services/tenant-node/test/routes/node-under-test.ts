import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLine, Member, MemberView } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import { createEngine, defaultLimits } from '@hybridstore/engine';
import { JwksTokenVerifier, type Server } from '@hybridstore/http';
import {
  type Clock,
  createMetrics,
  HybridStoreError,
  type Registry,
  silentLogger,
  systemClock,
  systemDisk,
} from '@hybridstore/runtime';
import { createTemporaryFolder, TestIssuer } from '@hybridstore/test-kit';
import { createApp } from '../../src/app.ts';
import { Drain } from '../../src/domain/drain.ts';
import { FreshFeed } from '../../src/domain/fresh-feed.ts';
import { HandOn } from '../../src/domain/hand-on.ts';
import { KeyedWrites } from '../../src/domain/keyed-writes.ts';
import { LogMarks } from '../../src/domain/log-marks.ts';
import { NodeChecks } from '../../src/domain/node-checks.ts';
import type { MemberDirectory, MemberLogs, MemberSightings, Members, Peer } from '../../src/domain/ports.ts';
import { type QueryLimits, QueryRunner } from '../../src/domain/query-runner.ts';
import { ResultCache, resultCacheBounds } from '../../src/domain/result-cache.ts';
import { SnapshotPages } from '../../src/domain/snapshot-pages.ts';
import { ExecutorPool } from '../../src/execute/executor-pool.ts';
import { WriteGate, type WriteGateOptions } from '../../src/ingest/write-gate.ts';
import { WriteThreads } from '../../src/ingest/write-threads.ts';
import { observeQueries } from '../../src/metrics/node-metrics.ts';

export const tenant = 'default/acme';
const pod = 'acme-0';

/** Membership whose answers the test sets. */
export class FixedMembers implements MemberDirectory, Members {
  isJoined = true;
  isHeldUp = false;
  readonly heritage = { since: 1, silent: [], batches: [] };
  readonly awaited = new Map<string, string>();
  others: readonly Peer[] = [];
  readonly received: Member[] = [];
  self: Member = { pod, url: 'http://acme-0:8000', log_id: 'a', state: 'active', epoch: 1 };

  peers(): readonly Peer[] {
    return this.others;
  }
  members(): readonly Member[] {
    const others = this.others.map(
      (peer): Member => ({ pod: peer.pod, url: 'http://other:8000', log_id: 'b', state: 'active', epoch: 1 }),
    );
    return [this.self, ...others];
  }
  get knowsAll(): boolean {
    return this.isJoined;
  }
  receiveFrom(member: Member): number {
    this.received.push(member);
    return this.self.epoch;
  }
  readonly unreached = new Set<string>();
  async visit({ pod }: Pick<Member, 'pod' | 'url'>): Promise<void> {
    if (this.unreached.has(pod)) throw new HybridStoreError('unavailable', `${pod} cannot be reached`);
  }
  async refresh(pod: string): Promise<Member | undefined> {
    return this.members().find((member) => member.pod === pod);
  }
  async giveUp(pod: string): Promise<Member> {
    const member = await this.refresh(pod);
    if (!member) throw new Error(`no member ${pod}`);
    this.others = this.others.filter((other) => other.pod !== pod);
    return { ...member, state: 'drained', epoch: member.epoch + 1 };
  }
  async canReturn(): Promise<boolean> {
    return true;
  }
  async join(): Promise<void> {
    this.isJoined = true;
  }
  async leave(): Promise<void> {
    this.isJoined = false;
  }
}

/** Nobody has been seen. */
class FixedSightings implements MemberSightings {
  async answers(): Promise<boolean> {
    return false;
  }
  describe({ pod, state, epoch, url }: Member): MemberView {
    const unseen = { since_ms: null, away_since: null, away_reason: null, unflushed_rows: null };
    return { pod, state, epoch, url, ...unseen, unflushed_rows_at: null };
  }
}

/** Other members' logs, whose answers the test sets. */
export class FixedMemberLogs implements MemberLogs {
  readonly answers = new Map<string, () => Iterable<LogLine>>();

  async *check({ pod }: Member): AsyncGenerator<LogLine> {
    yield* this.answers.get(pod)?.() ?? [];
  }
}

export interface NodeUnderTest {
  readonly server: Server;
  readonly engine: Engine;
  readonly executor: ExecutorPool;
  readonly queries: QueryRunner;
  readonly members: FixedMembers;
  readonly memberLogs: FixedMemberLogs;
  readonly issuer: TestIssuer;
  readonly metrics: Registry;
  readonly folder: string;
  readonly writeGate: WriteGate;
  /** How many large writes were given to a thread. */
  readonly largeReads: () => number;
  /** Removes the folder, unless it was given. */
  close(): Promise<void>;
}

/** What the gate of writes takes for the engine. */
type RoomOf = { readonly roomOf?: (engine: Engine) => WriteGateOptions['engine'] };

/** One node in this process with its real engine and a real executor child; requests are injected. */
export async function createNodeUnderTest(
  { roomOf = (engine) => engine, ...limits }: Partial<QueryLimits> & RoomOf = {},
  clock: Clock = systemClock,
  path?: string,
): Promise<NodeUnderTest> {
  const folder = path === undefined ? createTemporaryFolder('node') : { path, [Symbol.dispose]: () => {} };
  const [dataFolder, logFolder] = ['data', 'log'].map((name) => join(folder.path, name)) as [string, string];
  for (const made of [dataFolder, logFolder]) mkdirSync(made, { recursive: true });
  const issuer = new TestIssuer(folder.path, clock);
  const logger = silentLogger;
  const metrics = createMetrics('tenant-node');
  const engine = await createEngine({
    pod,
    logFolder,
    dataFolder,
    clock,
    logger,
    metrics,
    onFatal: (error) => {
      throw error;
    },
  });
  const session = { memoryLimit: '256MB', threads: 1 };
  const filesFolder = join(dataFolder, 'executor');
  const newSecret = () => randomBytes(16).toString('hex');
  const executor = new ExecutorPool({
    session,
    disk: systemDisk,
    filesFolder,
    newSecret,
    dataKibMax: undefined,
    clock,
    logger,
  });
  const members = new FixedMembers();
  const memberLogs = new FixedMemberLogs();
  const feed = new FreshFeed(engine, executor, clock);
  const queries = new QueryRunner(
    {
      engine,
      executor,
      members,
      marks: new LogMarks(),
      feed,
      results: new ResultCache(resultCacheBounds),
      clock,
      logger,
      node: pod,
      observeWait: () => {},
    },
    { ...defaultQueryLimits, ...limits },
  );
  observeQueries(metrics, queries);
  // Alone: every id is this node's own, and nobody is asked.
  const threads = new WriteThreads({ clock, logger });
  let largeReads = 0;
  const largeWrites = {
    read: (body: Buffer) => {
      largeReads += 1;
      return threads.read(body);
    },
    readOther: (body: Buffer, as: { readonly type: string; readonly query: unknown }) => threads.readOther(body, as),
  };
  const writeGate = new WriteGate({ engine: roomOf(engine), clock, random: Math.random });
  const keyedWrites = new KeyedWrites({
    engine,
    writeGate,
    members: {
      self: members.self,
      isJoined: true,
      heritage: members.heritage,
      members: () => [members.self],
      refresh: async () => members.self,
    },
    calls: {
      forward: () => Promise.reject(new Error('there is nobody to forward to')),
      find: () => Promise.reject(new Error('there is nobody to ask')),
      away: () => undefined,
    },
    ledgers: { find: async () => undefined },
    clock,
    retentionMs: 86_400_000,
  });
  const times = { delayMs: 0, finishMs: 1_000 };
  const drain = new Drain({ engine, queries, members, pod, clock, logger, times });
  const calls = { forward: () => Promise.reject(new Error('there is nobody to hand on to')), away: () => undefined };
  const handOn = new HandOn({ members, calls });
  const snapshots = new SnapshotPages(engine);
  const checks = new NodeChecks({
    engine,
    pod,
    memberLogs,
    clock,
  });
  const server = createApp(
    {
      tenantId: tenant,
      tenantName: 'Acme',
      pod,
      engine,
      queries,
      keyedWrites,
      largeWrites,
      writeGate,
      members,
      sightings: new FixedSightings(),
      handOn,
      unflushedRowsMax: defaultLimits.unflushedRowsMax,
      drain,
      snapshots,
      checks,
      logger,
    },
    { version: '0.0.0', logger, metrics, clock, verifier: new JwksTokenVerifier(issuer.jwksFile, clock) },
  );
  return {
    server,
    engine,
    executor,
    queries,
    members,
    memberLogs,
    issuer,
    metrics,
    folder: folder.path,
    writeGate,
    largeReads: () => largeReads,
    close: async () => {
      queries.close();
      writeGate.close();
      await server.app.close();
      await threads.close();
      await executor.close();
      await engine.close();
      folder[Symbol.dispose]();
    },
  };
}

const defaultQueryLimits: QueryLimits = {
  concurrentMax: 10,
  waitingMax: 10,
  statementMsMax: 30_000,
  resultRowsMax: 1_000_000,
  resultBytesMax: 100_000_000,
  memoryBytesMax: 256_000_000,
};
