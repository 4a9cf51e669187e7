import { createServer, type ServerResponse } from 'node:http';
import { type DuckDBConnection, DuckDBInstance, type Json } from '@duckdb/node-api';

// A program: what one would write without us. DuckDB in process behind a plain HTTP server, a row as values of JavaScript,
// NDJSON or CSV with back-pressure. `/chunks` reads all rows and gives out none: what the engine itself takes. Speaks its
// port to the process that has forked it.

/** The answer to every request: all rows of the Parquet files that the program is given. */
async function serve(files: readonly string[]): Promise<void> {
  const connection = await (await DuckDBInstance.create()).connect();
  const list = files.map((file) => `'${file}'`).join(', ');
  const query = `select * from read_parquet([${list}])`;
  const server = createServer(async (request, response) => {
    if (request.url === '/chunks') await sendChunks(connection, query, response);
    else await sendText(connection, query, response, request.url === '/csv' ? csvLine : jsonLine);
    response.end();
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object') process.send?.(address?.port);
  });
}

type Row = Readonly<Record<string, Json>>;

async function sendText(
  connection: DuckDBConnection,
  query: string,
  response: ServerResponse,
  lineOf: (row: Row) => string,
): Promise<void> {
  const result = await connection.stream(query);
  if (lineOf === csvLine) response.write(`${result.columnNames().join(',')}\r\n`);
  for await (const rows of result.yieldRowObjectJson()) {
    if (!response.write(rows.map(lineOf).join(''))) await new Promise((resolve) => response.once('drain', resolve));
  }
}

function jsonLine(row: Row): string {
  return `${JSON.stringify(row)}\n`;
}

function csvLine(row: Row): string {
  return `${Object.values(row).map(csvCell).join(',')}\r\n`;
}

function csvCell(value: Json): string {
  if (value === null) return '';
  const text = String(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A byte a chunk. */
async function sendChunks(connection: DuckDBConnection, query: string, response: ServerResponse): Promise<void> {
  const result = await connection.stream(query);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    response.write('.');
  }
}

await serve(process.argv.slice(2));
