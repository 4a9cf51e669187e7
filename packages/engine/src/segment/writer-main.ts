import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { groupFile, isDiskFull, joinPayload, serveParent, systemClock, systemDisk } from '@hybridstore/runtime';
import { quoteIdentifier, quoteText } from '../duckdb/column-types.ts';
import { mergeSegments, writeSegments } from './write-segments.ts';
import {
  type CheckpointRequest,
  loadBytes,
  memoryLimitBytes,
  type WriterAnswer,
  type WriterOptions,
  type WriterRequest,
  writerProtocol,
} from './writer-protocol.ts';

/** The writer child: everything that turns rows into Parquet runs here, in a process that may be killed at any moment. */
serveParent<WriterOptions, WriterRequest, WriterAnswer>(writerProtocol, async (options, parent) => {
  const connection = await connect(options);
  let served = 0;
  return async (request, body) => {
    served += 1;
    const spoolPath = join(options.spoolFolder, `checkpoint-${process.pid}-${served}`);
    parent.send(await answer(request, joinPayload(body), { connection, spoolPath, options }));
  };
});

async function connect({ memoryBytesMax, threads, spoolFolder }: WriterOptions): Promise<DuckDBConnection> {
  const limits = { memory_limit: `${memoryBytesMax}B`, threads: String(threads) };
  const connection = await (await DuckDBInstance.create(':memory:', limits)).connect();
  await connection.run(`set timezone = 'UTC'; set temp_directory = ${quoteText(join(spoolFolder, 'spill'))}`);
  return connection;
}

type WriterTools = {
  readonly connection: DuckDBConnection;
  readonly spoolPath: string;
  readonly options: WriterOptions;
};

async function limitMemory({ connection, options }: WriterTools, columns: number): Promise<void> {
  await connection.run(`set memory_limit = '${memoryLimitBytes(options, columns)}B'`);
}

async function answer(request: WriterRequest, body: Buffer, tools: WriterTools): Promise<WriterAnswer> {
  const { connection, options } = tools;
  const work = { connection, disk: systemDisk, now: systemClock.now, loadBytesMax: loadBytes(options) };
  try {
    switch (request.kind) {
      case 'write':
        await limitMemory(tools, request.target.columns.length);
        return { kind: 'files', files: await writeSegments(work, request, body) };
      case 'merge':
        await limitMemory(tools, request.target.columns.length);
        return { kind: 'files', files: await mergeSegments(work, request) };
      case 'checkpoint':
        return { kind: 'path', path: await writeCheckpoint(request, body, tools) };
    }
  } catch (error) {
    return refusal(error);
  }
}

/** The engine gives no code: what the operating system said stands in its text. */
function refusal(error: unknown): WriterAnswer {
  const message = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error) || /No space left on device|Disk quota exceeded/.test(message))
    return { kind: 'refused', why: 'no_space', message };
  return { kind: 'refused', why: /Out of Memory|bad allocation/.test(message) ? 'no_memory' : 'failed', message };
}

/** NDJSON in, the path of a Parquet file out; the parent takes that file away. */
async function writeCheckpoint(
  request: CheckpointRequest,
  body: Buffer,
  { connection, spoolPath }: WriterTools,
): Promise<string> {
  const ndjson = await systemDisk.open(`${spoolPath}.json`, groupFile);
  try {
    await ndjson.write(body, 0);
    const columns = Object.entries(request.columns).map(
      ([name, type]) => `${quoteIdentifier(name)}: ${quoteText(type)}`,
    );
    const source = `read_json(${quoteText(`${spoolPath}.json`)}, format = 'newline_delimited', columns = {${columns.join(', ')}}, maximum_object_size = ${Math.max(16_777_216, body.length)})`;
    const metadata = Object.entries(request.metadata ?? {}).map(
      ([key, text]) => `${quoteText(key)}: ${quoteText(text)}`,
    );
    const options = metadata.length === 0 ? '' : `, kv_metadata {${metadata.join(', ')}}`;
    await connection.run(
      `copy (select * from ${source}) to ${quoteText(`${spoolPath}.parquet`)} (format parquet, compression snappy${options})`,
    );
    return `${spoolPath}.parquet`;
  } finally {
    await ndjson.close();
    await systemDisk.remove(`${spoolPath}.json`);
  }
}
