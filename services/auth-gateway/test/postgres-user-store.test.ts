import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';
import { findPostgres, freePort, startPostgres } from '../../../tests/dialects/postgres-server.ts';
import type { UserStore } from '../src/domain/ports.ts';
import { openPostgresUsers } from '../src/store/open-postgres-users.ts';
import { PostgresDatabase, type PostgresOptions } from '../src/store/postgres-database.ts';
import { storeContract } from './store-contract.ts';

const folder = createTemporaryFolder('postgres-users');
let server: Awaited<ReturnType<typeof startPostgres>>;
let options: PostgresOptions;

const parts = { clock: new FakeClock(), logger: silentLogger };

/** Statements of no store, on the database as a whole. */
async function run(...statements: readonly string[]): Promise<void> {
  const database = await PostgresDatabase.open(options, { name: 'other', migrations: [] }, parts);
  await database.transact(async (transaction) => {
    for (const statement of statements) await transaction.change(statement);
  });
  await database.close();
}

const user = (name: string) => ({
  userId: `id-${name}`,
  username: name,
  passwordHash: 'x',
  isPlatformAdmin: false,
  createdAtMs: 1,
  grants: [],
});

const isHere = findPostgres() !== undefined;
const isNeeded = (process.env['CI'] ?? '') !== '';
const skip = isHere || isNeeded ? false : 'needs PostgreSQL: apt-get install postgresql';

describe('a real PostgreSQL', { skip }, () => {
  before(async () => {
    const port = await freePort();
    server = await startPostgres(folder.path, port);
    options = {
      host: '127.0.0.1',
      port,
      database: 'postgres',
      user: 'postgres',
      password: '',
      tlsMode: 'disable',
      authorities: undefined,
    };
  });
  after(async () => {
    await server.stop();
    folder[Symbol.dispose]();
  });

  storeContract('PostgreSQL', async (clock = new FakeClock()) => {
    await run('DROP SCHEMA IF EXISTS hybridstore_users CASCADE');
    const { store, close } = await openPostgresUsers(options, { clock, logger: silentLogger });
    return { store, [Symbol.asyncDispose]: close };
  });

  describe('the users in PostgreSQL', () => {
    const openBoth = () => Promise.all([openPostgresUsers(options, parts), openPostgresUsers(options, parts)]);
    const reset = () => run('DROP SCHEMA IF EXISTS hybridstore_users CASCADE');

    it('are one for gateways that start at the same moment, and found again', async () => {
      await reset();
      const [one, two] = await openBoth();
      await one.store.insertUser(user('ada'), 10);
      assert.equal((await two.store.userByName('ADA'))?.userId, 'id-ada');
      await Promise.all([one.close(), two.close()]);
      const again = await openPostgresUsers(options, parts);
      await assert.rejects(again.checkDatabase(), { code: 'conflict', message: /PostgreSQL, which checks its own/ });
      assert.equal((await again.store.userById('id-ada'))?.username, 'ada');
      await again.close();
    });

    it('keep every change where many gateways make them at once', async () => {
      await reset();
      const [one, two] = await openBoth();
      const stores: readonly UserStore[] = [one.store, two.store];
      await one.store.insertUser(user('ada'), 10);
      const grants = Array.from({ length: 20 }, (_, index) => ({
        tenantId: 'default/acme',
        role: 'reader' as const,
        sources: [`s${index}`],
      }));
      await Promise.all(grants.map((grant, index) => stores[index % 2]?.addGrant('id-ada', grant)));
      await Promise.all(grants.map((_, index) => stores[index % 2]?.endSessions('id-ada')));
      const ada = await one.store.userById('id-ada');
      assert.deepEqual([ada?.grants.length, ada?.generation], [20, 20]);
      const taken = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          stores[index % 2]?.insertUser({ ...user('bob'), userId: `b${index}` }, 10),
        ),
      );
      assert.equal(taken.filter(({ status }) => status === 'fulfilled').length, 1);
      const full = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => stores[index % 2]?.insertUser(user(`u${index}`), 10)),
      );
      assert.equal(full.filter(({ status }) => status === 'fulfilled').length, 8);
      await Promise.all([one.close(), two.close()]);
    });

    it('have one administrator of whom two gateways that start at the same moment both know', async () => {
      await reset();
      const at = (name: string) => join(folder.path, name);
      for (const [name, text] of [
        ['user', 'postgres'],
        ['none', 'trusted'],
        ['admin', 'a long password'],
      ] as const)
        writeFileSync(at(name), text, { mode: 0o644 });
      const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
      const env = {
        PORT: String(await freePort()),
        JWT_SECRET: testSecret('auth-gateway'),
        JWKS_FILE: new TestIssuer(folder.path, new FakeClock()).jwksFile,
        ADMIN_USERNAME: 'root',
        ADMIN_PASSWORD_FILE: at('admin'),
        POSTGRES_HOST: options.host,
        POSTGRES_PORT: String(options.port),
        POSTGRES_DATABASE: options.database,
        POSTGRES_TLS_MODE: options.tlsMode,
        POSTGRES_USER_FILE: at('user'),
        POSTGRES_PASSWORD_FILE: at('none'),
        GATEWAY_REPLICAS: '2',
      };
      const addresses = ['127.0.0.21', '127.0.0.22'];
      const children = addresses.map((HOST) =>
        spawn(process.execPath, [main], { env: { ...env, HOST }, stdio: ['ignore', 'pipe', 'inherit'] }),
      );
      try {
        for (const child of children)
          for await (const chunk of child.stdout.iterator({ destroyOnReturn: false }))
            if (String(chunk).includes('"event":"listening"')) break;
        const logIn = async (address: string) => {
          const answer = await fetch(`http://${address}:${env.PORT}/auth/login`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ username: 'root', password: 'a long password' }),
          });
          return ((await answer.json()) as { user_id?: string }).user_id;
        };
        const [one, two] = await Promise.all(addresses.map(logIn));
        assert.ok(one !== undefined && one === two);
      } finally {
        for (const child of children) child.kill('SIGKILL');
      }
    });

    it('of a newer version are refused, and left as they are', async () => {
      await reset();
      await (await openPostgresUsers(options, parts)).close();
      await run('UPDATE hybridstore_users.schema_version SET version = 99');
      await assert.rejects(openPostgresUsers(options, parts), {
        message: /POSTGRES_HOST: .*at most version 1, found 99/,
      });
      await reset();
    });

    it('answer unavailable while the server is away, and go on when it is back', async () => {
      await reset();
      const { store, close } = await openPostgresUsers(options, parts);
      await store.insertUser(user('ada'), 10);
      await server.stop();
      await assert.rejects(store.userById('id-ada'), { code: 'unavailable' });
      await assert.rejects(openPostgresUsers(options, parts), {
        code: 'unavailable',
        message: /^POSTGRES_HOST: expected/,
      });
      server = await startPostgres(folder.path, options.port);
      assert.equal((await store.userById('id-ada'))?.username, 'ada');
      await close();
    });
  });
});
