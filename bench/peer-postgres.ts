import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const binaries = '/usr/lib/postgresql/15/bin';
const port = 55_432;

export type PostgresFigures = {
  readonly commitsPerSecond: number;
  /** At 100 and at 1,000 rows a commit. */
  readonly rowsPerSecond: number;
  readonly rowsPerSecondAtThousand: number;
};

/** PostgreSQL 15 as Debian ships it, durable (fsync and synchronous_commit on), driven by pgbench over a Unix socket. Undefined when it is not installed. */
export function measurePostgres(options: {
  readonly connections: number;
  readonly seconds: number;
}): PostgresFigures | undefined {
  if (!existsSync(join(binaries, 'pgbench'))) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-postgres-'));
  const run = (command: string, ...args: string[]): string => asPostgres(folder, command, args);
  if (userInfo().uid === 0)
    chownSync(folder, Number(execFileSync('id', ['-u', 'postgres'])), Number(execFileSync('id', ['-g', 'postgres'])));
  run('initdb', '-D', `${folder}/db`, '-A', 'trust', '--no-sync');
  const server = startServer(folder);
  try {
    waitUntilUp(run, folder);
    run(
      'psql',
      '-h',
      folder,
      '-p',
      String(port),
      'postgres',
      '-c',
      'create table t (order_id text, customer_id text, amount double precision, order_date timestamptz)',
    );
    const row = "('ORD_001', 'CUST_001', 100.5, '2024-01-15')";
    writeFileSync(join(folder, 'one.sql'), `insert into t values ${row};`);
    writeFileSync(join(folder, 'hundred.sql'), `insert into t values ${Array(100).fill(row).join(', ')};`);
    writeFileSync(join(folder, 'thousand.sql'), `insert into t values ${Array(1_000).fill(row).join(', ')};`);
    const rate = (file: string) =>
      readRate(
        run(
          'pgbench',
          '-h',
          folder,
          '-p',
          String(port),
          '-n',
          '-f',
          join(folder, file),
          '-c',
          String(options.connections),
          '-j',
          '1',
          '-T',
          String(options.seconds),
          '-M',
          'prepared',
          'postgres',
        ),
      );
    return {
      commitsPerSecond: rate('one.sql'),
      rowsPerSecond: rate('hundred.sql') * 100,
      rowsPerSecondAtThousand: rate('thousand.sql') * 1_000,
    };
  } finally {
    server.kill('SIGINT');
    run('pg_ctl', 'stop', '-D', `${folder}/db`, '-m', 'immediate');
    rmSync(folder, { recursive: true, force: true });
  }
}

function asPostgres(folder: string, command: string, args: readonly string[]): string {
  const path = join(binaries, command);
  const isRoot = userInfo().uid === 0;
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  return isRoot
    ? execFileSync('runuser', ['-u', 'postgres', '--', path, ...args], options)
    : execFileSync(path, args, options);
}

function startServer(folder: string): ReturnType<typeof spawn> {
  const args = [
    '-D',
    `${folder}/db`,
    '-k',
    folder,
    '-p',
    String(port),
    '-c',
    'listen_addresses=',
    '-c',
    'shared_buffers=512MB',
  ];
  const path = join(binaries, 'postgres');
  const isRoot = userInfo().uid === 0;
  return isRoot
    ? spawn('runuser', ['-u', 'postgres', '--', path, ...args], { cwd: folder, stdio: 'ignore' })
    : spawn(path, args, { cwd: folder, stdio: 'ignore' });
}

function waitUntilUp(run: (command: string, ...args: string[]) => string, folder: string): void {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      run('pg_isready', '-h', folder, '-p', String(port), '-t', '1');
      return;
    } catch {
      // pg_isready exits with an error until the server accepts connections.
      execFileSync('sleep', ['0.1']);
    }
  }
  throw new Error('PostgreSQL did not start within 5 s');
}

function readRate(output: string): number {
  const tps = /tps = ([\d.]+)/.exec(output)?.[1];
  if (tps === undefined) throw new Error(`pgbench printed no rate:\n${output}`);
  return Number(tps);
}
