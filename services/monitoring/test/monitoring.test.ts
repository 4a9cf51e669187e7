import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DatabaseChecked, HealthAll, LogEntry, LogPage, LogTail, MonitoringTarget } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, Environment, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { createApp } from '../src/app.ts';
import { HttpProbe } from '../src/clients/http-probe.ts';
import { HttpScraper } from '../src/clients/http-scraper.ts';
import { readConfig } from '../src/config.ts';
import { readFigures } from '../src/domain/prometheus-text.ts';
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
  /** Number of the oldest entry that the ring holds. */
  first = 0;
  isOdd = false;
  requests = 0;
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const send = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
    if (url.pathname === '/health') return send(200, { status: 'ok', service: 'x', version: '9.9' });
    if (url.pathname === '/ready')
      return send(this.ready ? 200 : 503, { ready: this.ready, reasons: this.ready ? [] : ['recovering'] });
    if (url.pathname === '/metrics')
      return response.end(
        `# TYPE hybridstore_http_request_duration_seconds histogram\nhybridstore_http_request_duration_seconds_count{method="GET",route="/x",status="200",service="x"} ${this.requests}\nprocess_cpu_seconds_total{service="x"} 2.5\nprocess_resident_memory_bytes{service="x"} 1000\n`,
      );
    this.seenTokens.push(request.headers.authorization ?? '');
    if (this.isOdd) return send(200, { boot: this.boot, next: -1, entries: 'many' });
    const after = url.searchParams.get('boot') === this.boot ? Number(url.searchParams.get('after')) : 0;
    const from = Math.max(0, after - this.first);
    const page = this.entries.slice(from, from + 50);
    const tail: LogTail = { boot: this.boot, next: this.first + from + page.length, entries: page };
    return send(200, tail);
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  log(service: string, event: string, level = 'info', atMs = clock.now(), fields: LogEntry['fields'] = {}): void {
    this.entries.push({
      time: new Date(atMs).toISOString(),
      level,
      service,
      instance: 'i',
      event,
      fields: { n: this.entries.length, ...fields },
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
const scraper = new HttpScraper(undefined);
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
  await scraper.close();
  await client.close();
  for (const one of Object.values(processes)) one.close();
  folder[Symbol.dispose]();
});

function open(variables: Record<string, string> = {}): void {
  const config = readConfig(
    new Environment({
      TARGETS_FILE: targetsFile,
      DATA_PATH: join(folder.path, 'data'),
      GRAFANA_ENABLED: 'true',
      LOG_BYTES_MAX: '262144',
      ...variables,
    }),
  );
  ({ store } = SqliteLogStore.open(config.dataPath, config.logBytesMax));
  const checks = store.createChecks(clock, silentLogger);
  app = createApp({
    config,
    store,
    checkDatabase: () => checks.check(),
    probe,
    scraper,
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
  it('shows every process, with version and reasons', async () => {
    const { body } = await get<HealthAll>('/health/all', administrator());
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
    assert.equal((await get<HealthAll>('/health/all', administrator())).body.status, 'healthy');
    await clock.advance(1_000);
    const { body } = await get<HealthAll>('/health/all', administrator());
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
    const away = (await get<HealthAll>('/health/all', administrator())).body.services.find(
      (one) => one.service === 'cbo-engine',
    );
    assert.deepEqual([away?.status, away?.reasons], ['unreachable', ['cannot be reached (ECONNREFUSED)']]);
    writeFileSync(targetsFile, '{"targets": [{"url": 1}]}');
    await clock.advance(1_000);
    assert.equal((await get<HealthAll>('/health/all', administrator())).body.services.length, 4);
    writeFileSync(targetsFile, JSON.stringify({ targets }));
  });

  it('shows no address, version or reason to who has no right here', async () => {
    processes.catalog.ready = false;
    await clock.advance(1_000);
    for (const token of [undefined, 'an old token', issuer.userToken('default/left', [])]) {
      const { body } = await get<HealthAll>('/health/all', token);
      const [catalog] = body.services;
      assert.deepEqual(
        [catalog?.service, catalog?.status, catalog?.url, catalog?.version, catalog?.reasons],
        ['metadata-catalog', 'not_ready', '', null, []],
      );
      assert.doesNotMatch(JSON.stringify(body), /http|127\.0\.0\.1|9\.9|recovering/);
    }
    const { body } = await get<HealthAll>('/health/all', issuer.userToken('default/left'));
    assert.deepEqual([body.services[0]?.version, body.services[0]?.reasons], ['9.9', ['recovering']]);
    assert.match(body.services[0]?.url ?? '', /^http:/);
    processes.catalog.ready = true;
    await clock.advance(1_000);
  });

  it('shows the same in Prometheus form', async () => {
    await clock.advance(1_000);
    await get('/health/all');
    const { body } = await app.server.app.inject({ url: '/metrics' });
    assert.match(body, /hybridstore_platform_up\{watched_service="tenant-node",service="monitoring"\} 2/);
    assert.doesNotMatch(body, /hs-left|default\/left/);
  });

  it('shows the nodes of a tenant to that tenant, and to others as one line', async () => {
    await clock.advance(1_000);
    processes.right.ready = false;
    const seen = async (token?: string) => {
      const { body } = await get<HealthAll>('/health/all', token);
      return [body.status, ...body.services.map((one) => `${one.service}/${one.instance} ${one.status}`)];
    };
    const shared = 'metadata-catalog/metadata-catalog healthy';
    assert.deepEqual(await seen(), ['degraded', shared, 'tenant-node/all not_ready']);
    assert.deepEqual(await seen('an old token'), ['degraded', shared, 'tenant-node/all not_ready']);
    assert.deepEqual(await seen(issuer.userToken('default/right', [])), [
      'degraded',
      shared,
      'tenant-node/hs-right-0 not_ready',
      'tenant-node/all healthy',
    ]);
    assert.deepEqual(await seen(issuer.serviceToken('cbo-engine', 'default/left')), await seen());
    const { body } = await get<HealthAll>('/health/all');
    assert.deepEqual(body.services[1]?.reasons, ['1 of 2 nodes are not healthy']);
    assert.doesNotMatch(JSON.stringify(body), /hs-|default\//);
    processes.right.ready = true;
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

  it('says how many entries a ring had dropped before they were read', async () => {
    processes.catalog.boot = 'boot-3';
    processes.catalog.first = 7;
    processes.catalog.entries = [];
    processes.catalog.log('metadata-catalog', 'still there');
    const { entries } = (await get<LogPage>('/logs/metadata-catalog?limit=2', administrator())).body;
    assert.deepEqual(
      entries.map((entry) => [entry.event, entry.level, entry.fields]),
      [
        ['log_entries_lost', 'warn', { count: 7 }],
        ['still there', 'info', { n: 0 }],
      ],
    );
    processes.catalog.boot = 'boot-4';
    processes.catalog.first = 0;
  });

  it('knows whose an entry is by where it was read, whatever the entry says', async () => {
    processes.left.log('metadata-catalog', 'forged');
    await get('/logs/tenant-node', issuer.userToken('default/left'));
    const forged = (await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'))).body.entries;
    assert.deepEqual(
      forged.map((entry) => [entry.event, entry.service, entry.instance]),
      [['forged', 'tenant-node', 'hs-left-0']],
    );
    const { body } = await get<LogPage>('/logs/metadata-catalog', administrator());
    assert.ok(!events(body).includes('forged'));
    processes.left.entries = [];
    processes.left.boot = 'boot-2';
    store.prune(Number.MAX_SAFE_INTEGER);
  });

  it('takes a time that is none or far ahead for now, and drops fields without measure', async () => {
    processes.left.log('tenant-node', 'ahead', 'info', clock.now() + 10 * 86_400_000);
    processes.left.entries.push({
      time: 'never',
      level: 'info',
      service: 'tenant-node',
      instance: 'i',
      event: 'large',
      fields: { text: 'x'.repeat(100_000) },
    });
    const { entries } = (await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'))).body;
    const now = new Date(clock.now()).toISOString();
    assert.deepEqual(
      entries.map((entry) => [entry.event, entry.time]),
      [
        ['ahead', now],
        ['large', now],
      ],
    );
    assert.deepEqual(entries[1]?.fields, { dropped_bytes: 100_011 });
    store.prune(Number.MAX_SAFE_INTEGER);
  });

  it('passes over a process that answers something else', async () => {
    processes.left.isOdd = true;
    processes.left.log('tenant-node', 'unreadable');
    const answer = await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'));
    assert.deepEqual([answer.status, answer.body.entries], [200, []]);
    processes.left.isOdd = false;
    const later = await get<LogPage>('/logs/tenant-node', issuer.userToken('default/left'));
    assert.deepEqual(events(later.body), ['unreadable']);
    store.prune(Number.MAX_SAFE_INTEGER);
  });

  it('does not know of services that nobody runs', async () => {
    assert.equal((await get('/logs/nonsense', administrator())).status, 404);
    assert.equal((await get('/logs/nonsense', issuer.userToken('default/left'))).status, 403);
    assert.equal((await get('/logs/..%2fetc', administrator())).status, 400);
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

  it('shows stacks and paths to those who run the platform only', async () => {
    const error = { message: 'open /var/lib/hybridstore/data/a.parquet', stack: 'Error\n    at f (/app/x.js:1:1)' };
    processes.left.log('tenant-node', 'broken', 'error', clock.now(), { error });
    const seen = async (token: string) => {
      const { body } = await get<LogPage>('/logs/tenant-node?level=error', token);
      return body.entries.findLast(({ event }) => event === 'broken')?.fields['error'];
    };
    assert.deepEqual(await seen(administrator()), error);
    assert.deepEqual(await seen(issuer.userToken('default/left')), { message: 'open …/a.parquet' });
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
    for (let index = 0; index < 1_500; index += 1) processes.right.log('tenant-node', `n${index}`);
    for (let round = 0; round < 50; round += 1)
      await get('/logs/tenant-node?limit=1', issuer.userToken('default/right'));
    const { entries } = (await get<LogPage>('/logs/tenant-node?limit=10000', issuer.userToken('default/right'))).body;
    assert.ok(entries.length < 1_500 && entries.length > 700, `${entries.length} entries`);
    assert.deepEqual(
      entries.slice(-2).map((entry) => entry.event),
      ['n1498', 'n1499'],
    );
    assert.equal(entries[0]?.event, `n${1_500 - entries.length}`);
  });
});

describe('the summary of the platform', () => {
  it('sums the figures of all processes by service, over restarts, without a series per tenant', async () => {
    const read = async (name: string) => {
      const { body } = await app.server.app.inject({ url: '/metrics' });
      return Object.fromEntries(
        [...body.matchAll(new RegExp(`^${name}\\{watched_service="([a-z-]+)"[^}]*\\} (\\S+)$`, 'gm'))]
          .filter((match) => !match[0].includes('status_class="') || match[0].includes('status_class="2xx"'))
          .map((match) => [match[1], Number(match[2])]),
      );
    };
    const round = async () => {
      app.rounds.start();
      await app.rounds.stop();
    };
    processes.left.requests = 10;
    processes.right.requests = 5;
    await round();
    const total = 'hybridstore_platform_http_requests_total';
    assert.deepEqual(await read(total), { 'metadata-catalog': 0, 'tenant-node': 15 });
    assert.deepEqual(await read('hybridstore_platform_resident_memory_bytes'), {
      'metadata-catalog': 1_000,
      'tenant-node': 2_000,
    });
    await clock.advance(10_000);
    processes.left.requests = 110;
    processes.right.requests = 2;
    await round();
    assert.deepEqual(await read(total), { 'metadata-catalog': 0, 'tenant-node': 117 });
    assert.equal((await read('hybridstore_platform_http_requests_per_second'))['tenant-node'], 10.2);
    assert.equal((await read('hybridstore_platform_cpu_seconds_total'))['tenant-node'], 5);
  });

  it('reads the text format, and passes over what is no number', () => {
    const text = [
      '# HELP process_cpu_seconds_total x',
      'process_cpu_seconds_total 1.5 1700000000000',
      'process_resident_memory_bytes NaN',
      'hybridstore_http_request_duration_seconds_count{status="200",route="/a b}"} 3',
      'hybridstore_http_request_duration_seconds_count{route="/x",status="503"} 4',
      'hybridstore_http_request_duration_seconds_count{route="/x",status="999"} 5',
      'hybridstore_http_request_duration_seconds_bucket{le="1",status="200"} 9',
      '',
    ].join('\n');
    assert.deepEqual(readFigures(text), {
      requests: { '2xx': 3, '3xx': 0, '4xx': 0, '5xx': 4 },
      cpuSeconds: 1.5,
      residentBytes: 0,
    });
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
    writeFileSync(join(folder.path, 'file'), '');
    assert.throws(
      () => SqliteLogStore.open(join(folder.path, 'file'), 1),
      /DATA_PATH: expected a folder that can be written/,
    );
  });

  it('sets a damaged log database aside, says so, and begins a new one', () => {
    const data = join(folder.path, 'damaged');
    const first = SqliteLogStore.open(data, 1_000_000);
    const entry = { time: new Date(0).toISOString(), level: 'info', service: 'monitoring', instance: 'a' } as const;
    const entries = [{ ...entry, event: 'something_happened', fields: {} }];
    first.store.append('a', undefined, entries, { boot: 'b', next: 1 });
    first.store.close();
    assert.deepEqual([first.setAside, first.isTailLost], [undefined, false]);
    const path = join(data, 'logs.sqlite');
    const bytes = readFileSync(path);
    // One bit of a text: to SQLite itself this is a good database.
    bytes[bytes.indexOf('something_happened')] = 'r'.charCodeAt(0);
    writeFileSync(path, bytes);
    const second = SqliteLogStore.open(data, 1_000_000);
    assert.equal(second.setAside?.file, 'logs.sqlite.unusable');
    assert.match(second.setAside?.reason ?? '', /^logs\.sqlite is damaged: table entries/);
    assert.deepEqual(readFileSync(join(data, 'logs.sqlite.unusable')), bytes);
    assert.equal(second.store.cursor('a'), undefined);
    second.store.close();
  });

  it('makes its log database for this user only', () => {
    const data = join(folder.path, 'new');
    SqliteLogStore.open(data, 1).store.close();
    const modes = [data, join(data, 'logs.sqlite')].map((path) => statSync(path).mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o600]);
  });

  it('serves the dashboard where it is switched on', async () => {
    assert.equal((await get<{ title: string }>('/grafana/dashboard.json')).body.title, 'HybridStore');
  });

  it('serves neither dashboard nor summary where they are switched off', async () => {
    store.close();
    open({ GRAFANA_ENABLED: 'false', PROMETHEUS_ENABLED: 'false' });
    assert.equal((await get('/grafana/dashboard.json')).status, 404);
    const { body } = await app.server.app.inject({ url: '/metrics' });
    assert.doesNotMatch(body, /hybridstore_platform/);
    assert.match(body, /process_cpu_seconds_total/);
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

describe('/admin/check/logs', () => {
  const check = async (token: string) => {
    const answer = await app.server.app.inject({
      method: 'POST',
      url: '/admin/check/logs',
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: answer.statusCode, body: answer.json<DatabaseChecked>() };
  };

  it('finds a damaged log line while lines are collected, for the administrator of the platform', async () => {
    const entry = { level: 'info', service: 'metadata-catalog', instance: 'i', fields: {} } as const;
    const time = new Date(clock.now()).toISOString();
    store.append('k', undefined, [{ ...entry, time, event: 'a_rare_event' }], { boot: 'b', next: 1 });
    const { body: whole } = await check(administrator());
    assert.deepEqual([whole.file, whole.has_ledger, whole.damage], ['logs.sqlite', true, undefined]);
    const path = join(folder.path, 'data', 'logs.sqlite');
    const bytes = readFileSync(path);
    const damaged = Buffer.from(bytes);
    damaged[bytes.lastIndexOf('a_rare_event')]! ^= 1;
    writeFileSync(path, damaged);
    assert.match((await check(administrator())).body.damage ?? '', /^table entries: expected/);
    writeFileSync(path, bytes);
    assert.equal((await check(administrator())).body.damage, undefined);
    assert.equal((await check(issuer.userToken('default/left'))).status, 403);
  });
});
