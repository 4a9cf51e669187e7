import { createServer } from 'node:http';
import { DuckDBInstance } from '@duckdb/node-api';

// A program: what one would write without us. DuckDB in process behind a plain HTTP server, a row as an object of
// JavaScript, NDJSON with back-pressure. Speaks its port to the process that has forked it.

/** The answer to every request: all rows of the Parquet files that the program is given. */
async function serve(files: readonly string[]): Promise<void> {
  const connection = await (await DuckDBInstance.create()).connect();
  const server = createServer(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const list = files.map((file) => `'${file}'`).join(', ');
    const result = await connection.stream(`select * from read_parquet([${list}])`);
    for await (const rows of result.yieldRowObjectJson()) {
      const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
      if (!response.write(text)) await new Promise((resolve) => response.once('drain', resolve));
    }
    response.end();
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object') process.send?.(address?.port);
  });
}

await serve(process.argv.slice(2));
