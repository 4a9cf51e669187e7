import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import type { Dialect } from '@hybridstore/contracts';
import { writeRecord } from '../tests/dialects/dialect-record.ts';
import { answerByDuckdb } from '../tests/dialects/duckdb-engine.ts';
import { startMariadb } from '../tests/dialects/mariadb-server.ts';
import { freePort, startPostgres } from '../tests/dialects/postgres-server.ts';
import { readCases } from '../tests/dialects/read-cases.ts';
import type { RecordedAnswer, ReferenceServer } from '../tests/dialects/reference-server.ts';
import { readScriptArguments } from './script-arguments.ts';

/**
 * `npm run test:dialects`: asks MariaDB, PostgreSQL and DuckDB themselves for the value of every expression of
 * `tests/dialects/cases`, records what they say, and compares. `npm test` compares with the record alone. The two servers
 * stand in temporary folders on loopback, as a user without rights, and end with this command.
 */
readScriptArguments(
  {
    call: 'npm run test:dialects --',
    does: 'Asks MariaDB, PostgreSQL and DuckDB for the value of every expression, records them and compares.',
  },
  process.argv.slice(2),
);
const root = fileURLToPath(new URL('..', import.meta.url));

await recordServer('mysql', startMariadb);
await recordServer('postgresql', startPostgres);
record('duckdb', await answerByDuckdb(readCases('duckdb')));

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
      record(dialect, server.answer(readCases(dialect)));
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function record(dialect: Dialect, answers: readonly RecordedAnswer[]): void {
  writeRecord(dialect, readCases(dialect), answers);
  process.stdout.write(`${dialect}: ${answers.length} answers recorded\n`);
}
