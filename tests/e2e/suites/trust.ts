import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { call, eventually, type Platform } from '../platform.ts';
import { apply, dataSource, idColumns, ready, remove, Session, tenant } from '../session.ts';

/** Two tenants side by side, and everything a caller can do wrong. */
export function trust(open: () => Platform): void {
  describe('trust and bad input', () => {
    const objects = [
      // One statement at a time and node: a place that is not given back is missed at once.
      tenant('left', { spec: { limits: { maxConcurrentSearches: 1 } } }),
      tenant('right'),
      dataSource('left', 'secrets', idColumns),
      dataSource('right', 'secrets', idColumns),
    ];
    let left: Session;
    let right: Session;

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      [left, right] = await Promise.all([Session.open(open(), 'default/left'), Session.open(open(), 'default/right')]);
      assert.equal((await left.write('secrets', [{ id: 1, note: 'left only' }])).status, 200);
      assert.equal(
        (
          await right.write('secrets', [
            { id: 2, note: 'right only' },
            { id: 3, note: 'right only' },
          ])
        ).status,
        200,
      );
    });
    after(() => remove(open(), ...objects.toReversed()));

    it('shows each tenant its own rows only', async () => {
      assert.deepEqual(await left.sql('SELECT id, note FROM secrets ORDER BY id'), [[1, 'left only']]);
      assert.deepEqual(await right.sql('SELECT id, note FROM secrets ORDER BY id'), [
        [2, 'right only'],
        [3, 'right only'],
      ]);
    });

    it("refuses a token at the other tenant's node", async () => {
      const url = await open().podUrl('default', 'hs-right-0');
      const answer = await call(`${url}/data/search`, { source_id: 'secrets' }, { token: left.token });
      assert.deepEqual([answer.status, answer.body.error?.code], [403, 'forbidden']);
    });

    it('takes the tenant from the token, whatever headers say', async () => {
      const headers = {
        'x-tenant-id': 'default/right',
        'x-tenant': 'default/right',
        'x-forwarded-user': 'root',
        'x-user-id': '1',
      };
      const answer = await call(
        `${open().gateway}/data/search`,
        { source_id: 'secrets' },
        { token: left.token, headers },
      );
      assert.deepEqual((answer.body['records'] as unknown[]).length, 1);
    });

    it('shows a registered user nothing of either tenant', async () => {
      const username = `nobody-${crypto.randomUUID().slice(0, 8)}`;
      assert.equal(
        (await call(`${open().gateway}/auth/register`, { username, password: 'a long enough password' })).status,
        201,
      );
      const login = await call(`${open().gateway}/auth/login`, { username, password: 'a long enough password' });
      const token = String(login.body['access_token']);
      for (const [path, body] of [
        ['/data/search', { source_id: 'secrets' }],
        ['/data/write', { source_id: 'secrets', records: [{ fields: {} }] }],
      ] as const) {
        // The embedded platform gives him a role on the example's sources, elsewhere he has nothing.
        const { status } = await call(`${open().gateway}${path}`, body, { token });
        assert.equal(status, 403, path);
      }
      assert.equal(
        (
          await call(`${open().gateway}/auth/login`, {
            username,
            password: 'a long enough password',
            tenant_id: 'default/left',
          })
        ).status,
        403,
      );
    });

    const statements: readonly [string, string, string?][] = [
      ['a write', "INSERT INTO secrets VALUES (9, 'x')"],
      ['a delete', 'DELETE FROM secrets'],
      ['two statements', 'SELECT 1; SELECT 2'],
      ['a setting', 'SET memory_limit = 1', 'duckdb'],
      ['a file by function', "SELECT * FROM read_text('/etc/passwd')", 'duckdb'],
      ['a file by name', "SELECT * FROM '/etc/passwd'", 'duckdb'],
      ['another database', "ATTACH '/tmp/x.db'", 'duckdb'],
      ['a copy', "COPY secrets TO '/tmp/x'", 'duckdb'],
      ['the catalog of the engine', 'SELECT * FROM information_schema.tables', 'postgresql'],
      ['an engine function', 'SELECT * FROM duckdb_settings()', 'duckdb'],
      ['an environment variable', "SELECT getenv('HOME')", 'duckdb'],
      ['an unknown table', 'SELECT * FROM nowhere'],
      ['an unknown column', 'SELECT nope FROM secrets'],
      ['no SQL at all', 'SELEC 1'],
    ];
    for (const [what, query, dialect] of statements) {
      it(`refuses ${what} in SQL`, async () => {
        const answer = await left.post('/query/sql', { query, ...(dialect ? { dialect } : {}) });
        assert.deepEqual(
          [answer.status, answer.body.error?.code],
          [400, 'invalid_request'],
          JSON.stringify(answer.body),
        );
        assert.doesNotMatch(JSON.stringify(answer.body), /\bat .*\.(ts|js):\d+/);
      });
    }

    const bodies: readonly [string, unknown, number, RegExp][] = [
      ['an unknown field', { source_id: 'secrets', records: [{ fields: { id: 1 } }], colour: 1 }, 400, /colour/],
      ['an unknown column', { source_id: 'secrets', records: [{ fields: { id: 1, colour: 1 } }] }, 400, /colour/],
      ['a wrong type', { source_id: 'secrets', records: [{ fields: { id: 'one' } }] }, 400, /id/],
      [
        'a number beyond 64 bits',
        { source_id: 'secrets', records: [{ fields: { id: '9223372036854775808' } }] },
        400,
        /id/,
      ],
      ['no records', { source_id: 'secrets', records: [] }, 400, /records/],
      ['an unknown source', { source_id: 'nowhere', records: [{ fields: { id: 1 } }] }, 404, /nowhere/],
      [
        'a source name with a path',
        { source_id: '../right/secrets', records: [{ fields: { id: 1 } }] },
        400,
        /source_id/,
      ],
    ];
    for (const [what, body, status, message] of bodies) {
      it(`refuses a write with ${what} and stores nothing of it`, async () => {
        const answer = await left.post('/data/write', body);
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        assert.match(answer.body.error?.message ?? '', message);
        assert.equal(await left.count('secrets'), 1);
      });
    }

    it('refuses half a batch whole: one bad record among good ones', async () => {
      const answer = await left.write('secrets', [
        { id: 10, note: 'good' },
        { id: 11.5, note: 'bad' },
        { id: 12, note: 'good' },
      ]);
      assert.equal(answer.status, 400);
      assert.equal(await left.count('secrets'), 1);
    });

    const raws: readonly [string, string | Uint8Array<ArrayBuffer>, number][] = [
      ['bad JSON', '{"source_id": "secrets", "records": [', 400],
      ['bad UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
      ['a thousand levels', `${'['.repeat(1_000)}${']'.repeat(1_000)}`, 400],
      ['33 MB', `{"source_id":"secrets","records":[{"fields":{"note":"${'x'.repeat(33 * 1024 * 1024)}"}}]}`, 413],
      ['__proto__', '{"source_id":"secrets","records":[{"fields":{"__proto__":{"id":1}}}]}', 400],
    ];
    for (const [what, raw, status] of raws) {
      it(`refuses ${what} as a body`, async () => {
        const answer = await call(`${open().gateway}/data/write`, undefined, { token: left.token, raw });
        assert.equal(answer.status, status, JSON.stringify(answer.body).slice(0, 300));
        assert.equal(typeof answer.body.error?.request_id, 'string');
      });
    }

    it('refuses a missing, a tampered and an unsigned token', async () => {
      const [header = '', payload = '', signature = ''] = left.token.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
      const forged = Buffer.from(JSON.stringify({ ...claims, tenant: 'default/right' })).toString('base64url');
      const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
      for (const token of [undefined, 'nonsense', `${header}.${forged}.${signature}`, `${unsigned}.${forged}.`]) {
        const answer = await call(
          `${open().gateway}/data/search`,
          { source_id: 'secrets' },
          token === undefined ? {} : { token },
        );
        assert.deepEqual([answer.status, answer.body.error?.code], [401, 'unauthenticated']);
      }
    });

    it('refuses the token of a revoked user, also at a node that is asked directly', async () => {
      const reader = await register(left, 'reader');
      const url = await open().podUrl('default', 'hs-left-0');
      const ask = () => call(`${url}/data/search`, { source_id: 'secrets' }, { token: reader.token });
      assert.equal((await ask()).status, 200);
      const path = `${open().gateway}/auth/permissions/${reader.userId}`;
      assert.equal((await call(path, undefined, { token: left.token, method: 'DELETE' })).status, 200);
      assert.equal((await left.post('/auth/validate', { token: reader.token })).body['valid'], false);
      await eventually('the node refuses the token', async () => ((await ask()).status === 401 ? true : undefined));
    });

    it('stops a query for its owner alone, and frees its place on whichever node runs it', async () => {
      const owner = await register(left, 'reader');
      const other = await register(left, 'reader');
      const endless = 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t';
      const queries = `${open().gateway}/queries`;
      for (let round = 0; round < 4; round += 1) {
        const answer = call(`${open().gateway}/query/sql`, { query: endless }, { token: owner.token });
        const id = await eventually('the query runs', async () => {
          const { body } = await call(queries, undefined, { token: owner.token });
          const [first] = body['queries'] as { readonly query_id: string; readonly state: string }[];
          return first?.state === 'running' ? first.query_id : undefined;
        });
        const stop = (token: string) => call(`${queries}/${id}`, undefined, { token, method: 'DELETE' });
        assert.deepEqual((await call(queries, undefined, { token: other.token })).body['queries'], []);
        assert.deepEqual([(await stop(other.token)).status, (await stop(right.token)).status], [403, 404]);
        assert.equal((await stop(owner.token)).status, 200);
        assert.deepEqual([(await answer).status, (await answer).body.error?.code], [410, 'gone']);
      }
      for (const pod of ['hs-left-0', 'hs-left-1']) {
        const url = await open().podUrl('default', pod);
        await eventually(`${pod} runs nothing`, async () => {
          const { text } = (await call(`${url}/metrics`)).body;
          return /^hybridstore_queries_running\S* 0$/m.test(String(text)) ? true : undefined;
        });
      }
      assert.deepEqual(await left.sql('SELECT COUNT(*) AS n FROM secrets'), [[1]]);
    });

    it('applies a repeated batch once', async () => {
      const first = await right.write('secrets', [{ id: 50, note: 'once' }], { 'idempotency-key': 'same' });
      const second = await right.write('secrets', [{ id: 50, note: 'once' }], { 'idempotency-key': 'same' });
      assert.deepEqual([first.body['duplicate'], second.status, second.body['duplicate']], [false, 200, true]);
      assert.deepEqual(await right.sql('SELECT COUNT(*) AS n FROM secrets WHERE id = 50'), [[1]]);
    });
  });
}

/** A new user with a role in the session's tenant. */
async function register(session: Session, role: string): Promise<{ readonly userId: string; readonly token: string }> {
  const { gateway } = session.platform;
  const credentials = { username: `${role}-${crypto.randomUUID().slice(0, 8)}`, password: 'correct horse' };
  const userId = String((await call(`${gateway}/auth/register`, credentials)).body['user_id']);
  // Where registration gives a role in the example's tenant, that goes first: a user belongs to one.
  const path = `${gateway}/auth/permissions/${userId}`;
  await call(path, undefined, { token: session.token, method: 'DELETE' });
  assert.equal((await session.post(`/auth/permissions/${userId}`, { tenant_id: session.tenant, role })).status, 200);
  const answer = await call(`${gateway}/auth/login`, credentials);
  return { userId, token: String(answer.body['access_token']) };
}
