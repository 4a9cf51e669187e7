import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { FakeClock } from '@hybridstore/test-kit';
import { sendRows } from '../../src/execute/child/row-pieces.ts';
import { requireJson, TextWriter } from '../../src/execute/child/row-writer.ts';
import { RunningStatement } from '../../src/execute/child/running-statement.ts';
import type { Statement } from '../../src/execute/messages.ts';

const chunkRows = 2_048;
const rowBytes = 100;
/** Rows of a piece: whole chunks of the engine, up to its aim of 256 KiB and beyond by less than what is copied at a time. */
const pieceBytesMin = 256 * 1024;
const pieceBytesMax = pieceBytesMin + 64 * 1024;
const aheadBytesMax = 1024 * 1024;

describe('rows on their way out of the child', () => {
  let connection: DuckDBConnection;
  let chunks: readonly DuckDBDataChunk[];

  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    const text = `rpad(CAST(i AS VARCHAR), ${rowBytes - 1}, 'x') || chr(10)`;
    chunks = await (await connection.run(`SELECT encode(${text}) FROM range(100000) t(i)`)).fetchAllChunks();
  });
  after(() => connection.closeSync());

  function send() {
    const running = new RunningStatement(statement, new FakeClock());
    const pieces: { readonly rows: number; readonly bytes: number }[] = [];
    let fetched = 0;
    const source = { fetchChunk: async () => chunks[fetched++] ?? null };
    const ended = sendRows(running, source, { writer: new TextWriter(requireJson) }, (rows, texts) => {
      pieces.push({ rows, bytes: texts.reduce((sum, text) => sum + text.length, 0) });
    });
    ended.catch(() => {});
    const bytes = () => pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    return { running, pieces, ended, bytes, fetched: () => fetched };
  }

  it('leave as soon as there are any, and then in pieces of a size', async () => {
    const { running, pieces, ended } = send();
    running.allowMore(Number.MAX_SAFE_INTEGER);
    assert.equal(await ended, 100_000);
    const [first, ...others] = pieces;
    assert.deepEqual(first, { rows: chunkRows, bytes: chunkRows * rowBytes });
    for (const { bytes } of others.slice(0, -1)) assert.ok(bytes >= pieceBytesMin && bytes < pieceBytesMax, `${bytes}`);
    assert.equal(
      pieces.reduce((sum, piece) => sum + piece.rows, 0),
      100_000,
    );
  });

  it('wait for a reader who takes none of them, and follow him byte by byte', async () => {
    const { running, bytes } = send();
    await idle();
    const ahead = bytes();
    assert.ok(ahead >= aheadBytesMax && ahead < aheadBytesMax + pieceBytesMax, `${ahead}`);
    // As long as he has taken less than what he was sent too much, he is sent nothing.
    running.allowMore(ahead - aheadBytesMax);
    await idle();
    assert.equal(bytes(), ahead);
    running.allowMore(1);
    await idle();
    assert.ok(bytes() > ahead && bytes() < ahead + pieceBytesMax, `${bytes()}`);
  });

  it('are not asked for any more when the reader has left', async () => {
    const { running, ended, fetched } = send();
    await idle();
    const before = fetched();
    running.cancel();
    await assert.rejects(ended, { message: 'the statement was stopped' });
    assert.equal(fetched(), before);
  });
});

/** The rows are there, so that all that can happen without the reader happens in one turn. */
async function idle(): Promise<void> {
  await new Promise(setImmediate);
}

const statement: Statement = {
  query: 1,
  text: '',
  parameters: [],
  outputs: [],
  views: [],
  shape: 'object',
  separator: '\n',
  rowsMax: 1_000_000,
  bytesMax: 1_000_000_000,
};
