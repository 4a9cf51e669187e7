import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json, JsonObject } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { applyJsonPatch } from '../src/apply/json-patch.ts';

const live: JsonObject = { a: { 'x/y': 1, 'm~n': 2 }, list: [1, 2, 3], text: 'old' };

type Row = { readonly fact: string; readonly patch: readonly JsonObject[]; readonly result: Json };

const rows: readonly Row[] = [
  {
    fact: 'adds to maps, before an item and at the end of a list',
    patch: [
      { op: 'add', path: '/b', value: { c: null } },
      { op: 'add', path: '/list/1', value: 9 },
      { op: 'add', path: '/list/-', value: 8 },
    ],
    result: { ...live, b: { c: null }, list: [1, 9, 2, 3, 8] },
  },
  {
    fact: 'names with a slash or a tilde are escaped',
    patch: [
      { op: 'replace', path: '/a/x~1y', value: 7 },
      { op: 'remove', path: '/a/m~0n' },
    ],
    result: { ...live, a: { 'x/y': 7 } },
  },
  {
    fact: 'moves and copies',
    patch: [
      { op: 'move', from: '/list/0', path: '/first' },
      { op: 'copy', from: '/a', path: '/list/0' },
    ],
    result: { ...live, first: 1, list: [live['a'] ?? null, 2, 3] },
  },
  {
    fact: 'a test that holds lets the rest happen',
    patch: [
      { op: 'test', path: '/a', value: { 'm~n': 2, 'x/y': 1 } },
      { op: 'replace', path: '/text', value: 'new' },
    ],
    result: { ...live, text: 'new' },
  },
  {
    fact: 'an empty pointer is the whole object',
    patch: [{ op: 'replace', path: '', value: { sole: true } }],
    result: { sole: true },
  },
  {
    fact: 'a name that other objects inherit is a name like any other',
    patch: [{ op: 'add', path: '/__proto__', value: 1 }],
    result: JSON.parse('{"a":{"x/y":1,"m~n":2},"list":[1,2,3],"text":"old","__proto__":1}') as Json,
  },
];

describe('JSON patch', () => {
  for (const { fact, patch, result } of rows) {
    it(fact, () => {
      const before = structuredClone(live);
      assert.deepEqual(applyJsonPatch(live, patch), result);
      assert.deepEqual(live, before, 'the object stays as it was');
    });
  }

  it('what does not fit the object is invalid, and the pointer is named', () => {
    const refusals: readonly [JsonObject, RegExp][] = [
      [
        { op: 'test', path: '/text', value: 'x' },
        /operation 0 \(test\): testing value \/text failed: expected "x", found "old"/,
      ],
      [{ op: 'test', path: '/none', value: 'x' }, /\/none does not exist: there is no "none"/],
      [{ op: 'remove', path: '/a/none' }, /operation 0 \(remove\): \/a\/none does not exist/],
      [{ op: 'replace', path: '/list/3', value: 1 }, /\/list\/3: expected an index from 0 to 2, got "3"/],
      [{ op: 'add', path: '/list/5', value: 1 }, /\/list\/5: expected an index from 0 to 3, got "5"/],
      [{ op: 'add', path: '/list/01', value: 1 }, /expected an index from 0 to 3, got "01"/],
      [{ op: 'add', path: '/list/-/x', value: 1 }, /\/list\/-\/x: expected an index from 0 to 2, got "-"/],
      [{ op: 'remove', path: '/list/-' }, /expected an index from 0 to 2, got "-"/],
      [{ op: 'move', from: '/list/-', path: '/list/-' }, /expected an index from 0 to 2, got "-"/],
      [{ op: 'add', path: '/text/x', value: 1 }, /\/text\/x does not exist: "old" has no "x"/],
      [{ op: 'add', path: '/toString/x', value: 1 }, /there is no "toString"/],
      [{ op: 'move', from: '/a', path: '/a/b' }, /\/a cannot be moved into itself/],
      [{ op: 'replace', path: '', value: 1 }, /leaves no object but 1/],
    ];
    for (const [operation, message] of refusals) {
      assert.throws(
        () => applyJsonPatch(live, [operation]),
        (error) => {
          assert.ok(isHybridStoreError(error) && error.details['http_status'] === 422);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });

  it('a patch that cannot be read is a bad request', () => {
    const refusals: readonly [Json, RegExp][] = [
      ['x', /operation 0: : expected an object, got "x"/],
      [{ op: 'merge', path: '/a' }, /operation 0: op: expected one of add, .*, got "merge"/],
      [{ op: 'remove', path: 'a' }, /path: expected a JSON pointer/],
      [{ op: 'remove', path: '/a~2' }, /path: expected a JSON pointer/],
      [{ op: 'add', path: '/a' }, /value: expected a value, got nothing/],
      [{ op: 'copy', path: '/a' }, /from: expected a JSON pointer, got nothing/],
    ];
    for (const [operation, message] of refusals) {
      assert.throws(
        () => applyJsonPatch(live, [operation]),
        (error) => {
          assert.ok(isHybridStoreError(error) && error.details['http_status'] === 400);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });

  it('a value that is added twice is two values', () => {
    const value = { n: 1 };
    const patch = [
      { op: 'add', path: '/b', value },
      { op: 'copy', from: '/b', path: '/c' },
      { op: 'add', path: '/d', value },
      { op: 'replace', path: '/b/n', value: 2 },
    ];
    assert.deepEqual(applyJsonPatch({}, patch), { b: { n: 2 }, c: { n: 1 }, d: { n: 1 } });
    assert.deepEqual(value, { n: 1 });
  });

  it('a patch is bounded in its operations and in what it copies', () => {
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/text', value: 'old' }));
    assert.throws(() => applyJsonPatch(live, many), /allowed maximum operations in a JSON patch is 10000, got 10001/);
    const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/copy${index}` }));
    assert.throws(() => applyJsonPatch(live, doubling), /more than 3145728 bytes are copied/);
  });
});
