import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import type { Dialect } from '@hybridstore/contracts';
import { writeRecord } from '../tests/dialects/dialect-record.ts';
import { answerByDuckdb } from '../tests/dialects/duckdb-engine.ts';
import { startMariadb } from '../tests/dialects/mariadb-server.ts';
import { startPostgres } from '../tests/dialects/postgres-server.ts';
import { type CaseFile, caseFiles, readCases } from '../tests/dialects/read-cases.ts';
import type { RecordedAnswer, ReferenceServer } from '../tests/dialects/reference-server.ts';

/**
 * `npm run test:dialects`: asks MariaDB, PostgreSQL and DuckDB themselves for the value of every expression of
 * `tests/dialects/cases`, records what they say, and compares. `npm test` compares with the record alone. The two servers
 * stand in temporary folders on loopback, as a user without rights, and end with this command.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

await recordServer('mysql', startMariadb);
await recordServer('postgresql', startPostgres);
for (const file of caseFiles('duckdb')) record(file, await answerByDuckdb(readCases(file)));

run({ files: [join(root, 'tests/dialects/dialects.test.ts')], cwd: root })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);

async function recordServer(
  dialect: Dialect,
  start: (folder: string, port: number) => Promise<ReferenceServer>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `hybridstore-dialects-${dialect}-`));
  try {
    const server = await start(folder, await freePort());
    try {
      for (const file of caseFiles(dialect)) record(file, server.answer(readCases(file)));
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function record(file: CaseFile, answers: readonly RecordedAnswer[]): void {
  writeRecord(file, readCases(file), answers);
  process.stdout.write(`${file}: ${answers.length} answers recorded\n`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a port was expected');
  return address.port;
}
