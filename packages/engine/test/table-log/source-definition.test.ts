import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDefinition } from '../../src/table-log/source-definition.ts';

const withColumns = (...names: readonly string[]) => ({
  source_id: 'things',
  columns: names.map((name) => ({ name, type: 'string' })),
});

test('columns whose names differ by case only are refused, in whatever way case is folded', () => {
  for (const names of [
    ['name', 'Name'],
    ['É', 'é'],
    ['Straße', 'STRASSE'],
    ['ﬁn', 'FIN'],
  ] as const)
    assert.throws(() => checkDefinition(withColumns('id', ...names)), {
      code: 'invalid_request',
      message: `columns[2].name: expected a name that differs from ${names[0]} by more than case, got ${names[1]}`,
    });
  assert.equal(checkDefinition(withColumns('e', 'é', 'a', 'a ', 'Strase', 'Straße')).columns?.length, 6);
});

test('a name that cannot be one is refused, with what was expected', () => {
  for (const [name, expected] of [
    ['a\tb', 'a name without control characters, line breaks and byte order marks'],
    ['e\u0301', 'a name in Unicode normal form C'],
    [' ', 'a name that is not blank'],
    ['é'.repeat(65), 'at most 128 bytes of UTF-8'],
  ] as const)
    assert.throws(() => checkDefinition(withColumns(name)), {
      code: 'invalid_request',
      message: `columns[0].name: expected ${expected}, got ${JSON.stringify(name)}`,
    });
});
