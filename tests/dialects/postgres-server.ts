import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { askClient, type RecordedAnswer, type ReferenceServer, readAnswers } from './reference-server.ts';
import { startServer, unprivileged } from './server-process.ts';

const binaries = '/usr/lib/postgresql/15/bin';

/** PostgreSQL 15 of Debian on loopback. */
export async function startPostgres(folder: string, port: number): Promise<ReferenceServer> {
  const data = join(folder, 'data');
  const user = unprivileged();
  if (user) chownSync(folder, user.uid, user.gid);
  const options = ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  execFileSync(join(binaries, 'initdb'), options, { ...user, stdio: 'ignore', cwd: folder });
  const client = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
  const server = await startServer(
    join(binaries, 'postgres'),
    ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'TimeZone=UTC', '-F'],
    { folder, isUp: () => execFileSync(join(binaries, 'pg_isready'), client, { stdio: 'ignore' }) },
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
