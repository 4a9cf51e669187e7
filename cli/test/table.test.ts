import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import colors from 'picocolors';
import { formatTable, TableLayout } from '../src/output/table.ts';

const columns = [
  { name: 'name', type: 'string' },
  { name: 'n', type: 'bigint' },
];

describe('printing a table', () => {
  it('puts numbers to the right and shows null', () => {
    const text = formatTable(columns, [
      ['a', 1],
      [null, '9007199254740993'],
      [{ b: [1] }, null],
    ]);
    assert.equal(
      text,
      [
        `name${' '.repeat(22)}n`,
        `a${' '.repeat(25)}1`,
        'null       9007199254740993',
        `{"b":[1]}${' '.repeat(14)}null`,
      ].join('\n'),
    );
  });

  it('lets no control character of a value reach the terminal', () => {
    assert.equal(formatTable(columns, [['a\u001b[31m\nb\u0007', 1]]), 'name       n\na·[31m b·  1');
  });

  it('gives colours and wide characters the room that they take', () => {
    const paint = colors.createColors(true);
    const layout = new TableLayout(
      ['A', 'B'].map((name) => ({ name, align: 'left' })),
      paint,
    );
    const text = layout.formatPage([
      [paint.green('ok'), 'x'],
      ['漢字', 'y'],
    ]);
    assert.equal(stripVTControlCharacters(text), 'A     B\nok    x\n漢字  y\n');
    assert.ok(text.includes(paint.green('ok')));
  });

  it('names its columns once, and makes later pages no narrower', () => {
    const layout = new TableLayout(columns.map(({ name }) => ({ name, align: 'left' })));
    assert.equal(layout.formatPage([['wide value', '1']]), 'name        n\nwide value  1\n');
    assert.equal(layout.formatPage([['a', '2']]), 'a           2\n');
    assert.equal(layout.formatPage([]), '');
  });
});
