import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isHybridStoreError, type LogicalPlan } from '@hybridstore/contracts';
import { dateFormatCharactersMax } from '../src/date-format.ts';
import { call, column, finishPlan, printDuckdb, readDateFormat, text } from '../src/index.ts';

const printed = (format: Parameters<typeof call>[1], parameters: LogicalPlan['parameters'] = []) =>
  printDuckdb(
    finishPlan(
      {
        kind: 'query',
        body: {
          kind: 'select',
          projections: [{ name: 'x', value: call('strftime', column('e', 'at'), format) }],
          from: { kind: 'scan', source: 'events', alias: 'e', columns: ['at'] },
        },
      },
      parameters,
    ),
  ).sql;

describe('a format of a date', () => {
  test('keeps specifiers of the list and every other text', () => {
    for (const format of [
      '%Y-%m-%dT%H:%M:%S.%fZ',
      '%-d.%-m.%y',
      "100 %% o'clock",
      'żółć %A 🕰',
      '',
      'n',
      '%%n',
      '\n%H\r',
    ])
      assert.equal(readDateFormat(format), format);
  });

  test('takes nothing else', () => {
    const wrong = [
      '%n',
      '%-n',
      '%Z',
      '%q',
      '%',
      '%-',
      '% ',
      '%-%',
      '%5d',
      '%E',
      '%\n',
      '%🕰',
      '%%%',
      '%Y%%%n',
      '%-Y',
      '%Od',
    ];
    for (const format of wrong)
      assert.throws(
        () => readDateFormat(format),
        (error) => isHybridStoreError(error, 'invalid_request') && /is not supported/.test(error.message),
        format,
      );
    assert.throws(() => readDateFormat('a\0b'), /whole characters/);
    assert.throws(() => readDateFormat('\ud800'), /whole characters/);
    assert.throws(() => readDateFormat('x'.repeat(dateFormatCharactersMax + 1)), /longer than 1024 characters/);
  });

  test('reaches the engine as text only, where an overload has the moment in its place', () => {
    assert.match(printed(text("%Y 'x'")), /strftime\("e"\."at", CAST\('%Y ''x''' AS VARCHAR\)\)/);
    const bound = printed({ kind: 'parameter', index: 0 }, [{ type: 'string', value: '%Y' }]);
    assert.match(bound, /strftime\("e"\."at", CAST\(\$1 AS VARCHAR\)\)/);
  });

  test('is not printed before it was understood', () => {
    assert.throws(() => printed(text('%n')), /%n is not supported/);
  });
});
