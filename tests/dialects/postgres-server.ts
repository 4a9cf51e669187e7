import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { askClient, type RecordedAnswer, type ReferenceServer, readAnswers } from './reference-server.ts';
import { startServer, unprivileged } from './server-process.ts';

/** 15, by which the answers of the dialect are recorded, else the newest that Debian has here; undefined: there is none. */
export function findPostgres(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).filter((name) => /^[0-9]+$/.test(name)) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  const version = versions.includes('15') ? '15' : newest;
  return version === undefined ? undefined : join(root, version, 'bin');
}

/** PostgreSQL of Debian on loopback. A folder of one that was stopped goes on with what it has. */
export async function startPostgres(folder: string, port: number): Promise<ReferenceServer> {
  const postgresBinaries = findPostgres() ?? '/usr/lib/postgresql/15/bin';
  const data = join(folder, 'data');
  const user = unprivileged();
  if (user) chownSync(folder, user.uid, user.gid);
  const options = ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  if (!existsSync(data))
    execFileSync(join(postgresBinaries, 'initdb'), options, { ...user, stdio: 'ignore', cwd: folder });
  const client = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
  const server = await startServer(
    join(postgresBinaries, 'postgres'),
    ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'TimeZone=UTC', '-F'],
    {
      folder,
      isUp: () => execFileSync(join(postgresBinaries, 'pg_isready'), client, { stdio: 'ignore' }),
      // At SIGTERM it would wait until every client is gone.
      stopSignal: 'SIGINT',
    },
  );
  return {
    stop: server.stop,
    answer: (expressions): readonly RecordedAnswer[] => {
      const statements = expressions.map(
        (text, index) => `SELECT ${index}, coalesce(encode(convert_to((${text})::text, 'UTF8'), 'hex'), 'NULL');`,
      );
      const psql = [...client, '-X', '-q', '-A', '-t', '-F', '\t', 'postgres'];
      return readAnswers(askClient('psql', psql, statements.join('\n')), expressions.length);
    },
  };
}

/** One of loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a port was expected');
  return address.port;
}
