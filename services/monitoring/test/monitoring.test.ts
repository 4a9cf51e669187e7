import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HealthAll, LogEntry, LogPage, LogTail, MonitoringTarget } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, Environment, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { createApp } from '../src/app.ts';
import { HttpProbe } from '../src/clients/http-probe.ts';
import { readConfig } from '../src/config.ts';
import { SqliteLogStore } from '../src/store/sqlite-log-store.ts';
import { TargetsFile } from '../src/store/targets-file.ts';

const folder = createTemporaryFolder('monitoring');
const clock = new FakeClock();
const issuer = new TestIssuer(folder.path, clock);
const targetsFile = join(folder.path, 'targets.json');
const startTime = clock.now();

/** A process with a ring of logs, as every service has one. */
class FakeProcess {
  boot = 'boot-1';
  ready = true;
  entries: LogEntry[] = [];
  seenTokens: string[] = [];
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const send = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
    if (url.pathname === '/health') return send(200, { status: 'ok', service: 'x', version: '9.9' });
    if (url.pathname === '/ready')
      return send(this.ready ? 200 : 503, { ready: this.ready, reasons: this.ready ? [] : ['recovering'] });
    this.seenTokens.push(request.headers.authorization ?? '');
    const after = url.searchParams.get('boot') === this.boot ? Number(url.searchParams.get('after')) : 0;
    const page = this.entries.slice(after, after + 2);
    const tail: LogTail = { boot: this.boot, next: after + page.length, entries: page };
    return send(200, tail);
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  log(service: string, event: string, level = 'info', atMs = clock.now()): void {
    this.entries.push({
      time: new Date(atMs).toISOString(),
      level,
      service,
      instance: 'i',
      event,
      fields: { n: this.entries.length },
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const processes = { catalog: new FakeProcess(), left: new FakeProcess(), right: new FakeProcess() };
const client = new HttpClient();
const probe = new HttpProbe(undefined);
let targets: MonitoringTarget[] = [];
let app: ReturnType<typeof createApp>;
let store: SqliteLogStore;

before(async () => {
  targets = [
    { service: 'metadata-catalog', instance: 'metadata-catalog', url: await processes.catalog.listen() },
    { service: 'tenant-node', instance: 'hs-left-0', url: await processes.left.listen(), tenant_id: 'default/left' },
    { service: 'tenant-node', instance: 'hs-right-0', url: await processes.right.listen(), tenant_id: 'default/right' },
  ];
  writeFileSync(targetsFile, JSON.stringify({ targets }));
  open();
});
after(async () => {
  store.close();
  await probe.close();
  await client.close();
  for (const one of Object.values(processes)) one.close();
  folder[Symbol.dispose]();
});

function open(): void {
  const config = readConfig(
    new Environment({
      TARGETS_FILE: targetsFile,
      DATA_PATH: join(folder.path, 'data'),
      GRAFANA_ENABLED: 'true',
      LOG_ENTRIES_MAX: '1000',
    }),
  );
  store = SqliteLogStore.open(config.dataPath, config.logEntriesMax);
  app = createApp({
    config,
    store,
    probe,
    clock,
    client,
    version: '1',
    logger: silentLogger,
    metrics: createMetrics('monitoring'),
    targets: new TargetsFile(targetsFile, silentLogger),
    verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
    identity: issuer.identity('monitoring'),
  });
}

async function get<T>(url: string, token?: string): Promise<{ status: number; body: T }> {
  const answer = await app.server.app.inject({
    url,
    ...(token ? { headers: { authorization: `Bearer ${token}` } } : {}),
  });
  return { status: answer.statusCode, body: answer.json<T>() };
}

const administrator = () => issuer.sign('auth-gateway', { sub: 'user:root', platform_admin: true });
const events = (page: LogPage) => page.entries.map((entry) => entry.event);

describe('/health/all', () => {
  it('tells of every process, with version and reasons', async () => {
    const { body } = await get<HealthAll>('/health/all');
    assert.deepEqual(
      [body.status, body.services.map((one) => [one.instance, one.status, one.version])],
      [
        'healthy',
        [
          ['metadata-catalog', 'healthy', '9.9'],
          ['hs-left-0', 'healthy', '9.9'],
          ['hs-right-0', 'healthy', '9.9'],
        ],
      ],
    );
  });

  it('takes a look within a second for the same look, then looks again', async () => {
    processes.right.ready = false;
    assert.equal((await get<HealthAll>('/health/all')).body.status, 'healthy');
    await clock.advance(1_000);
    const { body } = await get<HealthAll>('/health/all');
    assert.deepEqual(
      [body.status, body.services[2]?.status, body.services[2]?.reasons],
      ['degraded', 'not_ready', ['recovering']],
    );
    processes.right.ready = true;
  });

  it('calls a process that does not answer unreachable, and goes on with a good file after a broken one', async () => {
    writeFileSync(
      targetsFile,
      JSON.stringify({
        targets: [...targets, { service: 'cbo-engine', instance: 'cbo-engine', url: 'http://127.0.0.1:1' }],
      }),
    );
    await clock.advance(1_000);
    const away = (await get<HealthAll>('/health/all')).body.services.find((one) => one.service === 'cbo-engine');
    assert.deepEqual([away?.status, away?.reasons], ['unreachable', ['cannot be reached (ECONNREFUSED)']]);
    writeFileSync(targetsFile, '{"targets": [{"url": 1}]}');
    await clock.advance(1_000);
    assert.equal((await get<HealthAll>('/health/all')).body.services.length, 4);
    writeFileSync(targetsFile, JSON.stringify({ targets }));
  });

  it('shows the same in Prometheus form', async () => {
    await clock.advance(1_000);
    await get('/health/all');
    const { body } = await app.server.app.inject({ url: '/metrics' });
    assert.match(
      body,
      /hybridstore_up\{watched_service="tenant-node",watched_instance="hs-left-0",service="monitoring"\} 1/,
    );
  });
});

describe('/logs/{service}', () => {
  it('collects each entry once, over pages, restarts of the process and restarts of its own', async () => {
    for (const event of ['a', 'b', 'c', 'd', 'e']) processes.catalog.log('metadata-catalog', event);
    assert.deepEqual(events((await get<LogPage>('/logs/metadata-catalog', administrator())).body), [
      'a',
      'b',
      'c',
      'd',
      'e',
    ]);
    store.close();
    open();
    processes.catalog.log('metadata-catalog', 'f');
    assert.deepEqual(events((await get<LogPage>('/logs/metadata-catalog', administrator())).body), [
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
    ]);
    processes.catalog.boot = 'boot-2';
    processes.catalog.entries = [];
    processes.catalog.log('metadata-catalog', 'after restart', 'error');
    const page = (await get<LogPage>('/logs/metadata-catalog?limit=2', administrator())).body;
    assert.deepEqual(events(page), ['f', 'after restart']);
    assert.deepEqual(events((await get<LogPage>('/logs/metadata-catalog?level=warn', administrator())).body), [
      'after restart',
    ]);
  });

  it('stores an entry once when many ask at the same time', async () => {
    processes.catalog.log('metadata-catalog', 'once');
    await Promise.all(Array.from({ length: 10 }, () => get('/logs/metadata-catalog', administrator())));
    const { body } = await get<LogPage>('/logs/metadata-catalog', administrator());
    assert.equal(events(body).filter((event) => event === 'once').length, 1);
  });

  it('shows a tenant the logs of its own nodes only', async () => {
    processes.left.log('tenant-node', 'left secret');
    processes.right.log('tenant-node', 'right secret');
    assert.deepEqual(events((await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'))).body), [
      'left secret',
    ]);
    assert.deepEqual(events((await get<LogPage>('/logs/tenant-node', issuer.userToken('default/right'))).body), [
      'right secret',
    ]);
    assert.deepEqual(events((await get<LogPage>('/logs/tenant-node', administrator())).body).sort(), [
      'left secret',
      'right secret',
    ]);
  });

  it('refuses logs of shared services to users, and everything to users without a permission', async () => {
    assert.equal((await get('/logs/auth-gateway', issuer.userToken('default/left'))).status, 403);
    assert.equal((await get('/logs/tenant-node', issuer.userToken('default/left', []))).status, 403);
    assert.equal((await get('/logs/tenant-node')).status, 401);
    assert.equal((await get('/logs/tenant-node', issuer.serviceToken('operator'))).status, 403);
  });

  it('reads since a time, and refuses what is none', async () => {
    await clock.advance(60_000);
    processes.left.log('tenant-node', 'later');
    const since = new Date(clock.now() - 1_000).toISOString();
    assert.deepEqual(
      events((await get<LogPage>(`/logs/tenant-node?since=${since}`, issuer.userToken('default/left'))).body),
      ['later'],
    );
    assert.equal((await get('/logs/tenant-node?since=yesterday', issuer.userToken('default/left'))).status, 400);
    assert.equal((await get('/logs/tenant-node?limit=0', issuer.userToken('default/left'))).status, 400);
  });

  it('removes old entries by time, and the oldest beyond the bound', async () => {
    assert.ok(store.prune(startTime + 30_000) > 0);
    assert.deepEqual(events((await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'))).body), [
      'later',
    ]);
    for (let index = 0; index < 1_200; index += 1) processes.right.log('tenant-node', `n${index}`);
    for (let round = 0; round < 40; round += 1)
      await get('/logs/tenant-node?limit=1', issuer.userToken('default/right'));
    store.prune(0);
    const page = (await get<LogPage>('/logs/tenant-node?limit=10000', issuer.userToken('default/right'))).body;
    assert.deepEqual([page.entries.length, page.entries.at(-1)?.event], [1_000, 'n1199']);
  });
});

describe('starting', () => {
  it('names the variable that is wrong', () => {
    assert.throws(() => readConfig(new Environment({})), /TARGETS_FILE: expected a value, found nothing/);
    assert.throws(
      () => readConfig(new Environment({ TARGETS_FILE: 'x', LOG_RETENTION_DAYS: '-1' })),
      /LOG_RETENTION_DAYS: expected a number from/,
    );
    assert.throws(
      () => new TargetsFile(join(folder.path, 'nowhere'), silentLogger),
      /TARGETS_FILE: expected a readable JSON file/,
    );
    mkdirSync(join(folder.path, 'file'), { recursive: true });
    writeFileSync(
      join(folder.path, 'file', 'logs.sqlite'),
      'this is no database at all, but long enough to be looked at',
    );
    assert.throws(
      () => SqliteLogStore.open(join(folder.path, 'file'), 1),
      /DATA_PATH: expected a folder that can be written/,
    );
  });

  it('serves the dashboard where it is switched on', async () => {
    assert.equal((await get<{ title: string }>('/grafana/dashboard.json')).body.title, 'HybridStore');
  });

  it('runs rounds at its interval until it is stopped', async () => {
    app.rounds.start();
    await clock.advance(0);
    const before = processes.left.seenTokens.length;
    await clock.advance(15_000);
    for (let turn = 0; turn < 200 && processes.left.seenTokens.length === before; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    assert.ok(processes.left.seenTokens.length > before);
    await app.rounds.stop();
    assert.equal(clock.pending, 0);
  });
});
