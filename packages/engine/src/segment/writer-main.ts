import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { systemDisk } from '@hybridstore/runtime';
import { quoteIdentifier, quoteText } from '../duckdb/column-types.ts';
import { mergeSegments, writeSegments } from './write-segments.ts';
import {
  answerDescriptor,
  type CheckpointRequest,
  RequestReader,
  type WriterAnswer,
  type WriterRequest,
} from './writer-protocol.ts';

/**
 * The writer child: everything that turns rows into Parquet runs here, in a process that may be killed at any moment.
 * Arguments: DuckDB's memory limit in bytes, its threads, and a folder for its temporary files.
 */
const [memoryBytes = '', threads = '', spoolFolder = ''] = process.argv.slice(2);
const connection = await connect();
const answers = createWriteStream('', { fd: answerDescriptor, autoClose: false });
const reader = new RequestReader();
let queue = Promise.resolve();

process.stdin.on('data', (part: Buffer) => {
  for (const { request, body } of reader.push(part)) queue = queue.then(() => serve(request, body));
});
// The parent closes its end, or is gone: what is under way is not wanted any more.
process.stdin.on('end', () => process.exit(0));

async function connect(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: `${memoryBytes}B`, threads });
  const opened = await instance.connect();
  await opened.run(`set timezone = 'UTC'; set temp_directory = ${quoteText(join(spoolFolder, 'spill'))}`);
  return opened;
}

async function serve(request: WriterRequest, body: Buffer): Promise<void> {
  answers.write(`${JSON.stringify(await answerTo(request, body))}\n`);
}

async function answerTo(request: WriterRequest, body: Buffer): Promise<WriterAnswer> {
  const { id } = request;
  const work = { connection, disk: systemDisk, now: () => Date.now() };
  try {
    if (request.kind === 'write') return { id, ok: true, files: await writeSegments(work, request, body) };
    if (request.kind === 'merge') return { id, ok: true, files: await mergeSegments(work, request) };
    return { id, ok: true, path: await writeCheckpoint(request, body) };
  } catch (error) {
    return { id, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

/** NDJSON in, the path of a Parquet file out; the parent takes that file away. */
async function writeCheckpoint(request: CheckpointRequest, body: Buffer): Promise<string> {
  const base = join(spoolFolder, `checkpoint-${process.pid}-${request.id}`);
  const ndjson = await systemDisk.open(`${base}.json`);
  try {
    await ndjson.write(body, 0);
    const columns = Object.entries(request.columns).map(
      ([name, type]) => `${quoteIdentifier(name)}: ${quoteText(type)}`,
    );
    const source = `read_json(${quoteText(`${base}.json`)}, format = 'newline_delimited', columns = {${columns.join(', ')}}, maximum_object_size = ${Math.max(16_777_216, body.length)})`;
    await connection.run(
      `copy (select * from ${source}) to ${quoteText(`${base}.parquet`)} (format parquet, compression snappy)`,
    );
    return `${base}.parquet`;
  } finally {
    await ndjson.close();
    await systemDisk.remove(`${base}.json`);
  }
}
