import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { askClient, type RecordedAnswer, type ReferenceServer, readAnswers } from './reference-server.ts';
import { startServer, unprivileged } from './server-process.ts';

/** MariaDB of Debian on loopback: the meaning of MySQL that can be had there. Texts are compared byte by byte, as here. */
export async function startMariadb(folder: string, port: number): Promise<ReferenceServer> {
  const data = join(folder, 'data');
  const user = unprivileged();
  if (user) chownSync(folder, user.uid, user.gid);
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal'],
    {
      ...user,
      stdio: 'ignore',
      cwd: folder,
    },
  );
  const socket = join(folder, 'socket');
  const client = ['--no-defaults', '--protocol=tcp', '--host=127.0.0.1', `--port=${port}`, '--user=root'];
  const server = await startServer(
    'mariadbd',
    [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1'],
      ...['--character-set-server=utf8mb4', '--collation-server=utf8mb4_bin', '--default-time-zone=+00:00'],
      ...['--skip-log-bin', '--innodb-buffer-pool-size=32M', '--max-allowed-packet=16M'],
    ],
    { folder, isUp: () => execFileSync('mariadb-admin', [...client, 'ping'], { stdio: 'ignore' }) },
  );
  loadTimeZones(client);
  return {
    stop: server.stop,
    answer: (expressions): readonly RecordedAnswer[] => {
      const statements = expressions.map((text, index) => `SELECT ${index}, HEX(CONVERT((${text}), CHAR));`);
      const before = "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SET sql_mode = '';";
      const options = [...client, '--batch', '--skip-column-names', '--force', '--default-character-set=utf8mb4'];
      return readAnswers(askClient('mariadb', options, [before, ...statements].join('\n')), expressions.length);
    },
  };
}

const zoneFilesFolder = '/usr/share/zoneinfo';
const zoneBytesMax = 64 * 1024 * 1024;

/** It knows no zone by its name before it is given those of the machine. Files that are no zones are warned of. */
function loadTimeZones(client: readonly string[]): void {
  const { stdout } = spawnSync('mariadb-tzinfo-to-sql', [zoneFilesFolder], { maxBuffer: zoneBytesMax });
  execFileSync('mariadb', [...client, 'mysql'], { input: stdout, stdio: ['pipe', 'ignore', 'inherit'] });
}
