import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { call, type Platform } from '../platform.ts';

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

    it('see the health of all services and their logs', async () => {
      const health = await call(`${open().gateway}/health/all`);
      assert.equal(health.body['status'], 'healthy', JSON.stringify(health.body));
    });
  });
}
