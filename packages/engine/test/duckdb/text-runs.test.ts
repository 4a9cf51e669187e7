import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance, LIST, VARCHAR } from '@duckdb/node-api';
import fc from 'fast-check';
import { type TextRun, textRuns } from '../../src/duckdb/text-runs.ts';

describe('texts of the engine, joined', () => {
  let connection: DuckDBConnection;

  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
  });
  after(() => connection.closeSync());

  async function readRuns(sql: string, texts: readonly string[], bytesMax: number): Promise<TextRun[]> {
    const prepared = await connection.prepare(sql);
    prepared.bindList(1, texts, LIST(VARCHAR));
    const result = await prepared.stream();
    const runs: TextRun[] = [];
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      runs.push(...textRuns(chunk, bytesMax));
      assert.ok(chunk.rowCount > 0);
    }
    return runs;
  }

  const inOrder = 'SELECT encode(t) FROM (SELECT unnest($1) AS t)';
  /** Lengths on both sides of what lies inside a cell, and texts that fill blocks of their own. */
  const anyText = fc.oneof(
    { weight: 8, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }) },
    { weight: 2, arbitrary: fc.integer({ min: 9, max: 15 }).map((length) => 'x'.repeat(length)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }).map((length) => 'é'.repeat(length)) },
  );

  it('are the texts of the rows in their order, cut between two of them, however long they are', async () => {
    const given = fc.array(anyText, { maxLength: 5_000, size: 'max' });
    const bound = fc.constantFrom(1, 100, 64 * 1024);
    await fc.assert(
      fc.asyncProperty(given, bound, async (texts, bytesMax) => {
        const runs = await readRuns(inOrder, texts, bytesMax);
        let row = 0;
        for (const { rows, bytes } of runs) {
          assert.equal(bytes.toString(), texts.slice(row, row + rows).join(''));
          assert.ok(rows === 1 || bytes.length <= bytesMax + 12);
          row += rows;
        }
        assert.equal(row, texts.length);
      }),
      { numRuns: 40 },
    );
  });

  it('are few pieces of memory where they are many short ones', async () => {
    const texts = Array.from({ length: 20_000 }, (_, row) => `{"row":${row},"text":"of a row"}\n`);
    const runs = await readRuns(inOrder, texts, 64 * 1024);
    assert.ok(runs.length < 200, `${runs.length} runs`);
  });

  it('are not read where there is none', async () => {
    await assert.rejects(readRuns("SELECT encode(nullif(t, 'a')) FROM (SELECT unnest($1) AS t)", ['b', 'a'], 100), {
      message: /a row is never null/,
    });
  });
});
