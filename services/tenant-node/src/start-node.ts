import { randomBytes } from 'node:crypto';
import type { AppliedBatch, Engine } from '@hybridstore/engine';
import { createEngine } from '@hybridstore/engine';
import { readLeavingTimes, type Server, type ServiceProcess } from '@hybridstore/http';
import { closeFolder, type Phase, systemDisk } from '@hybridstore/runtime';
import { createApp } from './app.ts';
import { CommitNotices } from './clients/commit-notices.ts';
import { MemberLogsClient } from './clients/member-logs-client.ts';
import { PeerClient } from './clients/peer-client.ts';
import type { TenantNodeConfig } from './config.ts';
import { Drain } from './domain/drain.ts';
import { FreshFeed } from './domain/fresh-feed.ts';
import { HandOn } from './domain/hand-on.ts';
import { KeyedWrites } from './domain/keyed-writes.ts';
import { LogMarks } from './domain/log-marks.ts';
import { NodeChecks } from './domain/node-checks.ts';
import { QueryRunner } from './domain/query-runner.ts';
import { ResultCache, resultCacheBounds } from './domain/result-cache.ts';
import { SnapshotPages } from './domain/snapshot-pages.ts';
import { ExecutorPool } from './execute/executor-pool.ts';
import type { SpillRoot } from './execute/executor-process.ts';
import { WriteGate } from './ingest/write-gate.ts';
import { WriteThreads } from './ingest/write-threads.ts';
import { BatchLedgerObjects } from './membership/batch-ledger-objects.ts';
import { HeritageObjects } from './membership/heritage-objects.ts';
import { MemberObjects } from './membership/member-objects.ts';
import { MemberWatch } from './membership/member-watch.ts';
import { Membership } from './membership/membership.ts';
import { createNodeMetrics, observeQueries, observeWrites } from './metrics/node-metrics.ts';
import { executorFilesFolder, prepareFolders, prepareSpill } from './prepare-folders.ts';

export interface StartedNode {
  readonly server: Server;
  /** Makes the node known to the other members; it must listen by then, since they may be joining too. */
  join(): Promise<void>;
  /** Hands over what others then answer for, before the process ends and comes back. */
  rest(): Promise<void>;
  /** What ends after the server has stopped listening, in order. */
  readonly phases: readonly Phase[];
}

/** Puts the parts of a node together: the engine has replayed its log when this resolves; nothing listens yet. */
export async function startNode(service: ServiceProcess, config: TenantNodeConfig): Promise<StartedNode> {
  await prepareFolders(systemDisk, config);
  const { clock, logger, metrics } = service;
  for (const folder of [config.dataPath, config.logPath]) closeFolder(folder, logger);
  const spill = await prepareSpill(systemDisk, config, logger);
  // First, so that it starts beside the replay, on another processor; it waits for its first statement as long as it takes.
  const executor = createExecutor(service, config, spill);
  const engine = await openEngine(service, config);
  const retentionMs = config.engine.batchIdRetentionHours * 3_600_000;
  const ledgers = new BatchLedgerObjects({ store: engine.store, clock, retentionMs });
  const { client, identity } = service;
  const calls = new PeerClient({ client, identity, tenantId: config.tenantId, clock });
  const applied = () => keyedWrites.applied();
  const members = createMembership(service, config, { engine, ledgers, calls, applied });
  const feed = new FreshFeed(engine, executor, clock);
  const { observeWait } = createNodeMetrics(metrics, config.isPod);
  const marks = new LogMarks();
  const results = new ResultCache(resultCacheBounds);
  const queries = new QueryRunner(
    { engine, executor, members, marks, feed, results, clock, logger, node: config.pod, observeWait },
    config.limits,
  );
  observeQueries(metrics, queries);
  const notices = notifyCatalog(service, config, engine);
  const { tenantId, tenantName, pod } = config;
  const drain = new Drain({
    engine,
    queries,
    members,
    pod,
    clock,
    logger,
    times: service.environment.read(readLeavingTimes),
  });
  const snapshots = new SnapshotPages(engine);
  const memberLogs = new MemberLogsClient({ client, identity, tenantId, clock });
  const checks = new NodeChecks({ engine, pod, memberLogs, clock });
  const writeGate = new WriteGate({ engine, clock, random: Math.random });
  observeWrites(metrics, writeGate);
  const keyedWrites = new KeyedWrites({
    engine,
    writeGate,
    members,
    calls,
    ledgers,
    clock,
    retentionMs,
  });
  const handOn = new HandOn({ members, calls });
  const sightings = watchMembers(service, { engine, members, marks, calls });
  const largeWrites = new WriteThreads({ clock, logger });
  const node = {
    tenantId,
    tenantName,
    pod,
    engine,
    queries,
    keyedWrites,
    largeWrites,
    writeGate,
    members,
    sightings,
    handOn,
    unflushedRowsMax: config.engine.unflushedRowsMax,
    drain,
    snapshots,
    checks,
    logger,
  };
  const { version, verifier, ring } = service;
  const server = createApp(node, { version, logger, metrics, clock, verifier, ring });
  // Streams with slow readers, and writes without room, would hold up the closing of the server.
  server.app.addHook('preClose', async () => {
    queries.close();
    writeGate.close();
  });
  sightings.start();
  return {
    server,
    join: () => members.join(),
    rest: () => drain.rest(),
    phases: [
      { name: 'queries', run: () => feed.stop() },
      { name: 'writes', run: () => largeWrites.close() },
      { name: 'executor', run: () => executor.close() },
      { name: 'membership', run: () => leaveMembers(members, sightings) },
      { name: 'catalog', run: () => notices?.close() },
      { name: 'engine', run: () => engine.close() },
    ],
  };
}

async function openEngine(service: ServiceProcess, config: TenantNodeConfig): Promise<Engine> {
  return createEngine({
    pod: config.pod,
    logFolder: config.logPath,
    dataFolder: config.dataPath,
    clock: service.clock,
    logger: service.logger,
    metrics: service.metrics,
    limits: config.engine,
    onFatal: (error) => {
      // What is acknowledged is on disk; only a new process may say again what that is.
      service.logger.error('log_failed', { error });
      process.exit(1);
    },
  });
}

function createExecutor(service: ServiceProcess, config: TenantNodeConfig, spill: SpillRoot | undefined): ExecutorPool {
  const { memoryLimit, threads, dataKibMax } = config.executor;
  const { clock, logger } = service;
  const filesFolder = executorFilesFolder(config);
  return new ExecutorPool({
    session: { memoryLimit, threads },
    disk: systemDisk,
    filesFolder,
    spill,
    newSecret: () => randomBytes(16).toString('hex'),
    dataKibMax,
    clock,
    logger,
  });
}

type MembershipParts = {
  readonly engine: Engine;
  readonly ledgers: BatchLedgerObjects;
  readonly calls: PeerClient;
  /** Batch ids that whoever takes over must know. */
  readonly applied: () => Iterable<readonly [string, AppliedBatch]>;
};

function createMembership(service: ServiceProcess, config: TenantNodeConfig, parts: MembershipParts): Membership {
  return new Membership({
    store: new MemberObjects(parts.engine.store),
    heritages: new HeritageObjects(parts.engine.store),
    calls: parts.calls,
    self: { pod: config.pod, url: config.url, log_id: parts.engine.logId },
    onLeave: (self) => parts.ledgers.write(self, parts.applied()),
    clock: service.clock,
    logger: service.logger,
  });
}

function leaveMembers(members: Membership, sightings: MemberWatch): void {
  sightings.stop();
  members.close();
}

type WatchParts = {
  readonly engine: Engine;
  readonly members: Membership;
  readonly marks: LogMarks;
  readonly calls: PeerClient;
};

function watchMembers({ clock, logger }: ServiceProcess, { engine, members, marks, calls }: WatchParts): MemberWatch {
  return new MemberWatch({
    members,
    marks,
    store: new MemberObjects(engine.store),
    calls,
    unflushedRows: () => engine.unflushedRows(),
    onGivenUp: (written) => {
      // What it acknowledges from now on nobody would ask it for; a new life makes it a member again.
      logger.error('given_up', { pod: written.pod, epoch: written.epoch });
      process.exit(1);
    },
    clock,
    logger,
  });
}

/** Without a catalog (METADATA_CATALOG_URL absent) nobody is notified; the tables are complete all the same. */
function notifyCatalog(service: ServiceProcess, config: TenantNodeConfig, engine: Engine): CommitNotices | undefined {
  if (config.catalogUrl === undefined) return undefined;
  const { client, identity, clock, logger } = service;
  const { catalogUrl, tenantId, url: nodeUrl } = config;
  const notices = new CommitNotices({ engine, client, identity, catalogUrl, tenantId, nodeUrl, clock, logger });
  engine.onCommit((commit) => notices.push(commit));
  return notices;
}
