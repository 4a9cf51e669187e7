import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ResultColumn } from '@hybridstore/contracts';
import { parse } from 'yaml';
import { type FileFormatName, openFormat } from '../src/answer/choose-format.ts';
import { readLines } from '../src/answer/line-answer.ts';
import { type AnswerPart, type AnswerRow, readAnswer } from '../src/answer/read-answer.ts';
import { TableFormat } from '../src/answer/table-format.ts';
import { plain } from '../src/io.ts';
import { parseDigits } from '../src/load/parse-exactly.ts';
import { type Format, readRows } from '../src/load/read-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-answer-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const columns: readonly ResultColumn[] = [
  { name: 'name', type: 'string' },
  { name: 'doc', type: 'json' },
];
const rowTexts = [
  '["a]\\"[",{"n":9007199254740993,"rows":[[1]]}]',
  '[null,[12345678901234567.89,-0.0]]',
  '["null",""]',
];
const answer = `{"columns":${JSON.stringify(columns)},"rows":[${rowTexts.join(',')}],"row_count":3,"stats":{"query_id":"q","elapsed_ms":1}}`;

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function write(name: Exclude<FileFormatName, 'ndjson'>, text: string, nullText?: string): Promise<Buffer> {
  const rules = { paint: plain, isWhole: false, ...(nullText === undefined ? {} : { nullText }) };
  const format = await openFormat(name, rules);
  const written: Buffer[] = [];
  for await (const part of readAnswer(pieces(text, 1_000))) {
    const out =
      part.kind === 'columns'
        ? format.begin(part.columns)
        : part.kind === 'rows'
          ? format.rows(part.rows)
          : format.end(part.rowCount, part.stats);
    written.push(Buffer.from(out as string));
  }
  return Buffer.concat(written);
}

function answerOf(types: Readonly<Record<string, string>>, rows: readonly AnswerRow[]): string {
  const list = Object.entries(types).map(([name, type]) => ({ name, type }));
  return JSON.stringify({ columns: list, rows, row_count: rows.length, stats: { elapsed_ms: 1 } });
}

describe('an answer that arrives in pieces', () => {
  it('gives the same columns and rows wherever it is cut, with every digit', async () => {
    for (const size of [1, 2, 3, 7, 50, 10_000]) {
      const parts: AnswerPart[] = await Array.fromAsync(readAnswer(pieces(answer, size)));
      assert.deepEqual(parts[0], { kind: 'columns', columns });
      const rows = parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
      assert.deepEqual(
        rows.map((row) => JSON.stringify(row)),
        rowTexts,
      );
      const end = parts.at(-1);
      assert.deepEqual([end?.kind, end?.kind === 'end' && end.rowCount], ['end', 3]);
    }
  });

  it('is refused when it breaks off', async () => {
    for (const length of [10, answer.indexOf('"rows"') + 10, answer.length - 1])
      await assert.rejects(
        () => Array.fromAsync(readAnswer(pieces(answer.slice(0, length), 9))),
        /broke off before its end/,
      );
  });

  it('may be empty', async () => {
    const empty = answerOf({ a: 'string' }, []);
    assert.equal(String(await write('table', empty)), 'a\n');
    assert.equal(String(await write('yaml', empty)), '[]\n');
    assert.deepEqual(JSON.parse(String(await write('json', empty))), JSON.parse(empty));
  });

  it('ends as lines with the failure that its last line says', async () => {
    const failure = '{"error":{"code":"too_large","message":"too many","details":{},"request_id":"r"}}\n';
    for (const size of [1, 5, 1_000]) {
      const passed: Buffer[] = [];
      const reading = async () => {
        for await (const line of readLines(pieces(`{"a":1}\n${failure}`, size))) passed.push(line);
      };
      await assert.rejects(reading, /^HybridStoreError: too many$/);
      assert.equal(Buffer.concat(passed).toString(), '{"a":1}\n');
    }
    const column = '{"error":{"code":"too_large"}}\n';
    const lines = await Array.fromAsync(readLines(pieces(column + column, 3)));
    assert.equal(Buffer.concat(lines).toString(), column + column);
  });
});

describe('the forms of an answer', () => {
  it('are 125,000 rows as a table, each with its line', async () => {
    const rows = Array.from({ length: 125_000 }, (_, n) => [n, 'x'.repeat(1 + (n % 7))]);
    const text = String(await write('table', answerOf({ n: 'bigint', s: 'string' }, rows)));
    const lines = text.trimEnd().split('\n');
    assert.equal(lines.length, 125_001);
    assert.equal(lines.at(-1), `124999  ${'x'.repeat(1 + (124_999 % 7))}`);
  });

  it('cut long values of a table with a count, unless they are to be whole', async () => {
    const rules = { paint: plain, isWhole: false };
    for (const [isWhole, cut] of [
      [false, 1],
      [true, 0],
    ] as const) {
      const table = new TableFormat({ ...rules, isWhole });
      table.begin([{ name: 's', type: 'string' }]);
      table.rows([['x'.repeat(80)], ['y'.repeat(60)]]);
      assert.match(table.end(), isWhole ? /^x{80}$/m : /^x{59}…$/m);
      assert.equal(table.cut, cut);
    }
  });

  it('tell null from the text that stands for it', async () => {
    const text = answerOf({ a: 'string', b: 'string' }, [
      [null, 'null'],
      ['', '-'],
    ]);
    assert.equal(String(await write('table', text)), 'a     b\nnull  "null"\n      -\n');
    assert.equal(String(await write('table', text, '-')), 'a  b\n-  null\n   "-"\n');
    assert.equal(String(await write('csv', text)), 'a,b\r\n,null\r\n"",-\r\n');
    assert.equal(String(await write('csv', text, '-')), 'a,b\r\n-,null\r\n,"-"\r\n');
    assert.equal(String(await write('markdown', text)), '| a | b |\n| --- | --- |\n| null | "null" |\n|  | - |\n');
    assert.equal(
      String(await write('vertical', text)),
      '--- row 1 ---\na  null\nb  "null"\n--- row 2 ---\na  \nb  -\n',
    );
  });

  it('keep digits and texts in JSON, YAML, CSV and Markdown', async () => {
    const json = String(await write('json', answer));
    assert.equal(json, `${JSON.stringify(parseDigits(answer), null, 2)}\n`);
    const yaml = String(await write('yaml', answer));
    assert.equal(
      yaml,
      '- name: "a]\\"["\n  doc: {"n":9007199254740993,"rows":[[1]]}\n- name: null\n  doc: [12345678901234567.89,-0.0]\n- name: "null"\n  doc: ""\n',
    );
    assert.deepEqual(
      (parse(yaml, { intAsBigInt: true }) as { doc: { n: bigint } }[])[0]?.doc.n,
      9_007_199_254_740_993n,
    );
    assert.equal(
      String(await write('yaml', answerOf({ no: 'string', 'a b': 'string' }, [['\u2028', 1]]))),
      '- "no": "\\u2028"\n  "a b": 1\n',
    );
    assert.match(String(await write('csv', answer)), /^,"\[12345678901234567\.89,-0\.0\]"\r$/m);
    const marks = answerOf({ 'a|b': 'double' }, [['1|2\n<b>*']]);
    assert.equal(String(await write('markdown', marks)), '| a\\|b |\n| ---: |\n| 1\\|2<br>&lt;b\\>\\* |\n');
  });

  it('refuse two columns of one name where one would be lost', async () => {
    const text = answer.replace('"doc"', '"name"');
    for (const name of ['yaml', 'parquet', 'arrow'] as const)
      await assert.rejects(
        () => write(name, text),
        new RegExp(`${name}: expected a name of its own .* found name twice`),
      );
  });

  it('are Parquet and Arrow files that hold what the answer says', async () => {
    const types = {
      ...{ id: 'bigint', i: 'integer', d: 'double', b: 'boolean', day: 'date', at: 'timestamp', dec: 'decimal(20,2)' },
      ...{ huge: 'hugeint', s: 'string', doc: 'json', list: 'integer[]' },
    };
    const rows = [
      [
        ...['9007199254740993', -7, 'NaN', true, '0001-01-01', '1969-12-31T23:59:59.999999Z', '-123456789012345678.05'],
        ...['170141183460469231731687303715884105', 'é', { a: [1] }, [1, null]],
      ],
      [1, null, 0.5, null, null, '2024-01-15T10:00:00.000Z', null, 1, null, null, null],
    ];
    const files: readonly (readonly [FileFormatName, Format])[] = [
      ['parquet', 'parquet'],
      ['arrow', 'arrow'],
      ['arrows', 'arrow'],
    ];
    for (const [name, format] of files) {
      const path = join(folder, `answer.${name}`);
      writeFileSync(path, await write(name as 'parquet', answerOf(types, rows)));
      const read = await Array.fromAsync(readRows(path, format), (row) => row.fields);
      const plainRows = read.map((fields) =>
        Object.values(fields ?? {}).map((value) => (typeof value === 'bigint' ? String(value) : value)),
      );
      assert.deepEqual(plainRows, [
        [
          ...['9007199254740993', -7, Number.NaN, true, '0001-01-01', '1969-12-31T23:59:59.999999Z'],
          ...['-123456789012345678.05', '170141183460469231731687303715884105', 'é', '{"a":[1]}', '[1,null]'],
        ],
        ['1', null, 0.5, null, null, '2024-01-15T10:00:00Z', null, '1', null, null, null],
      ]);
    }
    const endless = answerOf({ day: 'date' }, [['infinity']]);
    await assert.rejects(() => write('parquet', endless), /column day: expected a moment .* found infinity/);
  });
});

describe('an answer that arrives', () => {
  it('gives Arrow batches as they are full, and not at the end only', async () => {
    for (const name of ['arrow', 'arrows'] as const) {
      const format = await openFormat(name, { paint: plain, isWhole: false });
      if (format instanceof TableFormat) throw new TypeError('arrow is no table');
      format.begin([{ name: 'n', type: 'integer' }]);
      const batch = Array.from({ length: 50_000 }, (_, index) => [index]);
      const written = [format.rows(batch), format.rows(batch.slice(1)), format.rows([[1]])].map(
        (bytes) => bytes.length,
      );
      const rest = format.end(100_000, {}).length;
      assert.deepEqual(
        [written[0]! > 190_000, written[1], written[2]! > 190_000, rest < 10_000],
        [true, 0, true, true],
        `${name}: ${written}, ${rest}`,
      );
    }
  });

  it('is refused with a row beyond the bound, by the number of the row', async () => {
    const lines = `{"a":1}\n{"a":2}\n{"a":"${'x'.repeat(100)}"}\n`;
    const readAll = async (bound: number) => {
      const read: Buffer[] = [];
      for await (const bytes of readLines(pieces(lines, 10), bound)) read.push(bytes);
      return Buffer.concat(read).toString();
    };
    assert.equal(await readAll(200), lines);
    await assert.rejects(readAll(50), {
      code: 'too_large',
      message: /^row 3 of the answer: expected at most 50 bytes, found 5\d without its end$/,
    });
    const parts = async (bound: number) => {
      let rows = 0;
      for await (const part of readAnswer(pieces(answer.replace('""]', `"${'x'.repeat(500)}"]`), 10), bound))
        if (part.kind === 'rows') rows += part.rows.length;
      return rows;
    };
    assert.equal(await parts(1_000), 3);
    await assert.rejects(parts(300), {
      code: 'too_large',
      message: /^row 3 of the answer: expected at most 300 bytes/,
    });
  });
});
