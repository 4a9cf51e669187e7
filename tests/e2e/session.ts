import assert from 'node:assert/strict';
import type { Resource } from '@hybridstore/controller-runtime';
import { compactionPolicies, dataSources, tenants } from '@hybridstore/operator';
import { stringify } from 'yaml';
import { type Answer, call, eventually, type Platform } from './platform.ts';

/** A token for every action in a tenant. */
export async function logIn(platform: Platform, tenant: string): Promise<string> {
  const answer = await call(`${platform.gateway}/auth/login`, { ...platform.admin, tenant_id: tenant });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return String(answer.body['access_token']);
}

type TenantOptions = {
  readonly replicas?: number;
  readonly autoscaling?: object;
  readonly spec?: object;
  readonly cpu?: string;
};

/** Storage classes of the cluster under test; the embedded platform ignores them. */
export const storage = {
  log: { size: '256Mi', storageClassName: process.env['HYBRIDSTORE_E2E_LOG_CLASS'] ?? 'local-rwo' },
  data: { sharedVolume: { size: '1Gi', storageClassName: process.env['HYBRIDSTORE_E2E_DATA_CLASS'] ?? 'shared-rwx' } },
};

export function tenant(name: string, options: TenantOptions = {}): object {
  return {
    apiVersion: 'hybridstore.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name, namespace: 'default' },
    spec: {
      displayName: name,
      ...(options.autoscaling
        ? { autoscaling: options.autoscaling }
        : { autoscaling: { mode: 'Off' }, replicas: options.replicas ?? 2 }),
      resources: { requests: { cpu: options.cpu ?? '50m', memory: '256Mi' }, limits: { memory: '2Gi' } },
      storage,
      ...options.spec,
    },
  };
}

export function dataSource(tenantName: string, sourceId: string, spec: object = {}): object {
  return {
    apiVersion: 'hybridstore.dev/v1alpha1',
    kind: 'DataSource',
    metadata: { name: `${tenantName}-${sourceId.replaceAll('_', '-')}`, namespace: 'default' },
    spec: { tenantRef: { name: tenantName }, sourceId, ...spec },
  };
}

const resources: Readonly<Record<'Tenant' | 'DataSource' | 'CompactionPolicy', Resource>> = {
  Tenant: tenants,
  DataSource: dataSources,
  CompactionPolicy: compactionPolicies,
};
type Manifest = {
  readonly apiVersion: string;
  readonly kind: keyof typeof resources;
  readonly metadata: { readonly name: string; readonly namespace: string };
};

/** Applies objects as `kubectl apply --server-side` does. */
export async function apply(platform: Platform, ...objects: readonly object[]): Promise<void> {
  for (const object of objects as readonly Manifest[]) {
    await platform.kube.apply(resources[object.kind], object, { fieldManager: 'e2e', force: true });
  }
}

export async function remove(platform: Platform, ...objects: readonly object[]): Promise<void> {
  for (const object of objects as readonly Manifest[])
    await platform.kube.delete(resources[object.kind], object.metadata);
}

type Conditions = {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly observedGeneration?: number;
    }[];
  };
};

/** Resolves when every object is Ready for its current generation. */
export async function ready(platform: Platform, ...objects: readonly object[]): Promise<void> {
  for (const object of objects as readonly Manifest[]) {
    await eventually(`${object.kind}/${object.metadata.name} Ready\n${stringify(object)}`, async () => {
      const stored = await platform.kube.get(resources[object.kind], object.metadata);
      const conditions = (stored as Conditions).status?.conditions ?? [];
      const isReady = conditions.some(
        (one) =>
          one.type === 'Ready' &&
          one.status === 'True' &&
          (one.observedGeneration ?? 0) >= (stored.metadata.generation ?? 0),
      );
      if (isReady) return true;
      throw new Error(JSON.stringify((stored as Conditions).status ?? 'no status'));
    });
  }
}

/** One user's calls to one tenant, through the gateway. */
export class Session {
  readonly platform: Platform;
  readonly tenant: string;
  readonly token: string;

  constructor(platform: Platform, tenantId: string, token: string) {
    this.platform = platform;
    this.tenant = tenantId;
    this.token = token;
  }

  static async open(platform: Platform, tenantId: string): Promise<Session> {
    return new Session(platform, tenantId, await logIn(platform, tenantId));
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return call(`${this.platform.gateway}${path}`, body, { token: this.token, headers });
  }

  get(path: string): Promise<Answer> {
    return call(`${this.platform.gateway}${path}`, undefined, { token: this.token });
  }

  async write(
    sourceId: string,
    rows: readonly object[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.post('/data/write', { source_id: sourceId, records: rows.map((fields) => ({ fields })) }, headers);
  }

  /** Rows of an answer that must be a success. */
  async sql(
    query: string,
    options: { readonly dialect?: string; readonly parameters?: readonly unknown[] } = {},
  ): Promise<unknown[][]> {
    const answer = await this.post('/query/sql', { query, ...options });
    assert.equal(answer.status, 200, `${query}\n${JSON.stringify(answer.body)}`);
    return answer.body.rows ?? [];
  }

  async count(sourceId: string): Promise<number> {
    return Number((await this.sql(`SELECT COUNT(*) AS n FROM ${sourceId}`))[0]?.[0]);
  }
}

/** Rows one after the other in batches, each repeated with its key until it is acknowledged. Gives the ids that were acknowledged. */
export async function ingest(
  session: Session,
  sourceId: string,
  options: {
    readonly from: number;
    readonly batches: number;
    readonly rowsPerBatch: number;
    readonly key: string;
    readonly isStopped?: () => boolean;
  },
): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let batch = 0; batch < options.batches && !options.isStopped?.(); batch += 1) {
    const first = options.from + batch * options.rowsPerBatch;
    const rows = Array.from({ length: options.rowsPerBatch }, (_, index) => ({
      id: first + index,
      note: `row ${first + index}`,
    }));
    await eventually(`batch ${batch} acknowledged`, async () => {
      const answer = await session.write(sourceId, rows, { 'idempotency-key': `${options.key}-${batch}` });
      if (answer.status === 200) return true;
      assert.ok([429, 503, 504].includes(answer.status), `unexpected ${answer.status}: ${JSON.stringify(answer.body)}`);
      throw new Error(JSON.stringify(answer.body));
    });
    acknowledged.push(...rows.map((row) => row.id));
  }
  return acknowledged;
}

/** Asserts that exactly these ids are in the source, each once. */
export async function assertExactlyOnce(session: Session, sourceId: string, ids: readonly number[]): Promise<void> {
  const rows = await eventually(`${sourceId} readable`, () =>
    session.sql(
      `SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS d, MIN(id) AS lo, MAX(id) AS hi, SUM(id) AS s FROM ${sourceId}`,
    ),
  );
  const expected = ids.reduce(
    (sums, id) => ({ lo: Math.min(sums.lo, id), hi: Math.max(sums.hi, id), total: sums.total + id }),
    { lo: Number.POSITIVE_INFINITY, hi: Number.NEGATIVE_INFINITY, total: 0 },
  );
  assert.deepEqual((rows[0] ?? []).map(Number), [ids.length, ids.length, expected.lo, expected.hi, expected.total]);
}

export const idColumns = {
  schema: {
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'string' },
    ],
  },
};
