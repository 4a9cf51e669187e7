import type { CommitNotice, CompactionPolicyDefinition, Endpoint } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import { DatabaseChecks, Registry, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { type App, createApp } from '../src/app.ts';
import type { CatalogConfig } from '../src/config.ts';
import { databaseOptions, openDatabase } from '../src/store/open-database.ts';
import { SqliteCatalogStore } from '../src/store/sqlite-catalog-store.ts';
import { FakeTenantNode } from './fake-tenant-node.ts';
import { testFile } from './test-files.ts';

export const acme = 'default/acme';

export const testConfig: CatalogConfig = {
  dataPath: '',
  tenantUrlTemplate: 'http://127.0.0.1:1/{namespace}/{name}',
  compaction: { enabled: true, intervalMinutes: 60, fileSizeMinMb: 50, fileSizeMaxMb: 512 },
  compactionMsMax: 5_000,
  compactionsConcurrentMax: 4,
  refreshMsMax: 5_000,
  refreshIntervalMs: 60_000,
  indexCellsMax: 1_000_000,
};

export type Answer = { readonly status: number; readonly body: never };

/** A catalog on its own folder with one node of tenant default/acme on loopback, all under one fake clock. */
export class TestCatalog {
  readonly clock = new FakeClock();
  readonly folder = createTemporaryFolder('catalog');
  readonly issuer = new TestIssuer(this.folder.path, this.clock);
  readonly node = new FakeTenantNode(acme, this.issuer, this.clock);
  readonly client = new HttpClient({ hostsFile: `${this.folder.path}/hosts.json` });
  nodeUrl = '';
  app!: App;
  #store: SqliteCatalogStore | undefined;
  #checks: DatabaseChecks | undefined;

  static async start(config: Partial<CatalogConfig> = {}): Promise<TestCatalog> {
    const test = new TestCatalog();
    test.nodeUrl = await test.node.start();
    test.open(config);
    return test;
  }

  /** A new process on the same folder. */
  open(config: Partial<CatalogConfig> = {}): void {
    const folder = `${this.folder.path}/data`;
    const { database } = openDatabase(folder);
    this.#store = new SqliteCatalogStore(database);
    const { clock } = this;
    const checks = new DatabaseChecks({ database, options: databaseOptions(folder), clock, logger: silentLogger });
    this.#checks = checks;
    this.app = createApp({
      config: { ...testConfig, ...config },
      store: this.#store,
      checkDatabase: () => checks.check(),
      version: 'test',
      logger: silentLogger,
      metrics: new Registry(),
      clock: this.clock,
      verifier: new JwksTokenVerifier(this.issuer.jwksFile, this.clock),
      identity: this.issuer.identity('metadata-catalog'),
      client: this.client,
    });
  }

  get store(): SqliteCatalogStore {
    if (!this.#store) throw new Error('the catalog is closed');
    return this.#store;
  }

  async close(): Promise<void> {
    await this.app.scheduler.stop();
    await this.app.refreshLoop.stop();
    await this.app.server.app.close();
    await this.#store?.close();
    await this.#checks?.close();
    this.#store = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#store) await this.close();
    await this.node.stop();
    await this.client.close();
    this.folder[Symbol.dispose]();
  }

  async call(endpoint: Pick<Endpoint, 'method' | 'path'>, token: string, body?: unknown): Promise<Answer> {
    const response = await this.app.server.app.inject({
      method: endpoint.method,
      url: endpoint.path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { status: response.statusCode, body: response.json() as never };
  }

  operator(method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    return this.call({ method, path }, this.issuer.serviceToken('operator'), body);
  }

  async registerTenant(): Promise<void> {
    await this.operator('PUT', `/internal/tenants/${acme}`, { tenant_id: acme, node_url: this.nodeUrl });
    await this.app.catalog.refreshTenant(acme);
  }

  notify(notice: Partial<CommitNotice>, tenant = acme): Promise<Answer> {
    const token = this.issuer.serviceToken('tenant-node', tenant);
    return this.call({ method: 'POST', path: '/internal/commits' }, token, { ...testNotice, ...notice });
  }
}

export const testNotice: CommitNotice = {
  tenant_id: acme,
  source_id: 'events',
  definition: { source_id: 'events', columns: [{ name: 'id', type: 'bigint' }] },
  columns: [{ name: 'id', type: 'bigint' }],
  schema_version: 1,
  table_version: 1,
  committed_at: '2026-01-01T00:00:00.000Z',
  since_version: 0,
  added: [testFile('a.parquet')],
  removed: [],
  unflushed_rows: 0,
  node_url: 'http://hs-acme-0.hs-acme-nodes.default.svc:8000',
};

export function testPolicy(policy: Partial<CompactionPolicyDefinition> = {}): CompactionPolicyDefinition {
  return {
    policy_id: 'default/nightly',
    tenant_id: acme,
    enabled: true,
    interval_minutes: 60,
    min_file_size_mb: 50,
    max_file_size_mb: 512,
    max_concurrent: 1,
    retain_snapshots_hours: 24,
    ...policy,
  };
}
