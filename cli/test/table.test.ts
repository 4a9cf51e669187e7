import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { formatCsv, formatTable } from '../src/output/table.ts';

const columns = [
  { name: 'name', type: 'string' },
  { name: 'n', type: 'bigint' },
];

describe('printing rows', () => {
  it('puts numbers to the right, cuts long cells and shows null', () => {
    const text = stripVTControlCharacters(
      formatTable(columns, [
        ['a', 1],
        ['x'.repeat(80), 12_345],
        [null, '9007199254740993'],
        [{ b: [1] }, null],
      ]),
    );
    assert.equal(
      text,
      [
        `name${' '.repeat(73)}n`,
        `a${' '.repeat(76)}1`,
        `${'x'.repeat(59)}…${' '.repeat(13)}12345`,
        `null${' '.repeat(58)}9007199254740993`,
        `{"b":[1]}${' '.repeat(65)}null`,
      ].join('\n'),
    );
  });

  it('writes CSV by RFC 4180', () => {
    assert.equal(
      formatCsv(columns, [
        ['a "b", c', 1],
        [null, 2],
      ]),
      'name,n\r\n"a ""b"", c",1\r\n,2',
    );
  });

  it('lets no control character of a value reach the terminal', () => {
    assert.equal(formatTable(columns, [['a\u001b[31m\nb\u0007', 1]]), 'name       n\na·[31m b·  1');
  });
});
