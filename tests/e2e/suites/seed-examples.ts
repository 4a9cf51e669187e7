import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { endpoints, services } from '@hybridstore/contracts';
import { listAll, pods } from '@hybridstore/controller-runtime';
import { call, eventually, type Platform } from '../platform.ts';

/** The first calls that a newcomer makes: a user of the example tenant, no administrator. */
export function seedExamples(open: () => Platform): void {
  describe("a newcomer's first calls", () => {
    const credentials = { username: 'second_user', password: 'secure_password' };
    const write = {
      source_id: 'sales_data',
      records: [{ fields: { order_id: 'ORD_002', customer_id: 'CUST_002', amount: 100.5, order_date: '2024-01-15' } }],
    };
    let token = '';

    it('register and log in', async () => {
      assert.equal((await call(`${open().gateway}/auth/register`, credentials)).status, 201);
      const login = await call(`${open().gateway}/auth/login`, credentials);
      assert.equal(login.status, 200);
      token = String(login.body['access_token']);
    });

    it('write through the gateway and straight to a tenant node', async () => {
      const node = await open().podUrl('default', 'hs-acme-0');
      for (const url of [open().gateway, node]) {
        const answer = await call(`${url}/data/write`, write, { token });
        assert.deepEqual([answer.status, answer.body['accepted']], [200, 1], JSON.stringify(answer.body));
      }
    });

    it('see both rows in the very next query', async () => {
      const query =
        "SELECT customer_id, SUM(amount) AS total FROM sales_data WHERE order_date >= '2024-01-01' AND customer_id = 'CUST_002' GROUP BY customer_id ORDER BY total DESC";
      const answer = await call(`${open().gateway}/query/sql`, { query }, { token });
      assert.deepEqual([answer.status, answer.body.rows], [200, [['CUST_002', 201]]], JSON.stringify(answer.body));
    });

    it('parse, optimize and estimate', async () => {
      const parsed = await call(
        `${open().gateway}/parse/sql`,
        {
          query:
            "SELECT customer_id, SUM(amount) FROM sales_data WHERE order_date >= '2024-01-01' GROUP BY customer_id",
        },
        { token },
      );
      assert.equal(parsed.status, 200, JSON.stringify(parsed.body));
      for (const path of ['/optimize/query', '/costs/estimate']) {
        const answer = await call(`${open().gateway}${path}`, { query_plan: parsed.body['parsed_query'] }, { token });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
      }
    });

    it('see the health of all services and the logs of their own nodes', async () => {
      // A node of a tenant that was just removed is asked until the next look at the pods.
      await eventually('all healthy', async () => {
        const { body } = await call(`${open().gateway}/health/all`);
        if (body['status'] === 'healthy') return true;
        throw new Error(JSON.stringify(body));
      });
      const logs = await call(`${open().gateway}/logs/tenant-node?limit=10`, undefined, { token });
      assert.deepEqual([logs.status, logs.body['service']], [200, 'tenant-node'], JSON.stringify(logs.body));
      assert.ok((logs.body['entries'] as unknown[]).length > 0);
      assert.equal((await call(`${open().gateway}/logs/operation-node`, undefined, { token })).status, 403);
    });

    it('read as administrator what every service logged, in its own words', async () => {
      const login = await call(`${open().gateway}/auth/login`, open().admin);
      const administrator = { token: String(login.body['access_token']) };
      for (const service of Object.keys(services)) {
        const { status, body } = await call(`${open().gateway}/logs/${service}?limit=5`, undefined, administrator);
        assert.equal(status, 200, JSON.stringify(body));
        const entries = body['entries'] as { service: string; event: string }[];
        assert.ok(entries.length > 0, service);
        for (const entry of entries) assert.equal(entry.service, service);
      }
    });

    it('find in /openapi.json of each service what its reference page says', async () => {
      for (const [service, port] of Object.entries(services)) {
        const address = await addressOf(open(), service);
        // The operator is no pod of the embedded platform.
        if (address === undefined) continue;
        const served = await call(`http://${address}:${port}/openapi.json`);
        const described = readFileSync(
          new URL(`../../../docs/reference/openapi/${service}.json`, import.meta.url),
          'utf8',
        );
        const [own, page] = [operationsIn(served.body), operationsIn(JSON.parse(described))];
        // Served where GRAFANA_ENABLED says so.
        page.delete('get /grafana/dashboard.json');
        for (const [place, operation] of page) assert.deepEqual(own.get(place), operation, `${service} ${place}`);
        const more = [...own.keys()].filter((place) => !page.has(place));
        assert.deepEqual(more.sort(), service === 'auth-gateway' ? forwarded() : [], service);
      }
    });
  });
}

async function addressOf(platform: Platform, service: string): Promise<string | undefined> {
  const isTenantNode = service === 'tenant-node';
  const { items } = await listAll(platform.kube, pods, {
    namespace: isTenantNode ? 'default' : platform.systemNamespace,
  });
  const pod = items.find(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === service);
  return pod?.status?.podIP;
}

/** By `method path`. */
function operationsIn(openApi: object): Map<string, unknown> {
  const { paths } = openApi as { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
    ),
  );
}

/** What the gateway hands on, sorted. */
function forwarded(): string[] {
  return Object.values(endpoints)
    .flatMap((table) => Object.values(table))
    .filter((endpoint) => endpoint.viaGateway)
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:([a-z_]+)/g, '{$1}')}`)
    .sort();
}
