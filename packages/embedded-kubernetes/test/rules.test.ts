import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Json } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { formatFieldErrorBody } from '../src/schema/field-error.ts';
import { compileRules } from '../src/schema/rules.ts';
import type { Schema, ValidationRule } from '../src/schema/schema.ts';

/** Judges `spec` by one rule on it; gives `path: body` of each failure. */
function judge(rule: ValidationRule | string, spec: Json, old?: Json, properties: Schema['properties'] = {}): string[] {
  const rules = [typeof rule === 'string' ? { rule } : rule];
  const validate = compileRules({
    type: 'object',
    properties: { spec: { type: 'object', properties, 'x-kubernetes-validations': rules } },
  });
  const errors = validate({ spec }, old === undefined ? undefined : { spec: old });
  return errors.map((error) => `${error.path}: ${formatFieldErrorBody(error)}`);
}

describe('CEL rules', () => {
  const spec: Json = {
    a: 1,
    b: 2,
    f: 1.5,
    s: 'abc',
    list: [
      { n: 1, name: 'x' },
      { n: 2, name: 'y' },
    ],
    names: ['x', 'y'],
    map: { ka: 1 },
    cpu: '500m',
  };
  const properties: Schema['properties'] = { f: { type: 'number' } };

  const truths = [
    'self.a < self.b',
    'self.a + 1 == self.b',
    'self.f > 1.0',
    'has(self.a) && !has(self.q)',
    'size(self.names) == 2 && self.s.size() == 3',
    "self.s.matches('^[a-c]+$')",
    'self.list.all(i, i.n > 0) && self.list.exists(i, i.n == 2) && self.list.exists_one(i, i.n == 2)',
    "self.list.filter(i, i.n > 1).map(i, i.name) == ['y']",
    'self.names.all(n, self.list.exists(i, i.name == n))',
    "self.map.all(k, k.startsWith('k'))",
    "'ka' in self.map && 'x' in self.names",
    'self.names.isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && [3, 1].max() == 3',
    "self.names.indexOf('y') == 1 && self.names.lastIndexOf('z') == -1",
    "'a-b'.split('-').size() == 2 && 'a-b'.replace('-', '+') == 'a+b' && ['a', 'b'].join(',') == 'a,b'",
    "'abc 123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']",
    "isQuantity(self.cpu) && quantity(self.cpu).isLessThan(quantity('1')) && quantity('2Gi').compareTo(quantity('2048Mi')) == 0",
    "quantity('3').asInteger() == 3 && quantity('1').add(quantity('1')).isGreaterThan(quantity('1500m'))",
    "duration('1h') > duration('5m')",
    'self.?q.orValue(7) == 7',
    "type(self.a) == int && string(self.a) == '1' && int('2') == self.b",
  ];
  for (const rule of truths) it(`${rule} holds`, () => assert.deepEqual(judge(rule, spec, undefined, properties), []));

  it('a failed rule gives its message, or itself', () => {
    assert.deepEqual(judge('self.a > 1', spec), ['spec: Invalid value: failed rule: self.a > 1']);
    assert.deepEqual(judge({ rule: 'self.a > 1', message: ' too small ' }, spec), ['spec: Invalid value: too small']);
  });

  it('a message expression wins over the message, and falls back to it when it fails', () => {
    const message = 'plain';
    assert.deepEqual(judge({ rule: 'false', message, messageExpression: "'a is ' + string(self.a)" }, spec), [
      'spec: Invalid value: a is 1',
    ]);
    assert.deepEqual(judge({ rule: 'false', message, messageExpression: 'self.nothing' }, spec), [
      'spec: Invalid value: plain',
    ]);
    assert.deepEqual(judge({ rule: 'false', message, messageExpression: "'two\\nlines'" }, spec), [
      'spec: Invalid value: plain',
    ]);
  });

  it('reason and field path shape the error', () => {
    assert.deepEqual(judge({ rule: 'false', message: 'm', reason: 'FieldValueForbidden', fieldPath: '.a' }, spec), [
      'spec.a: Forbidden: m',
    ]);
    assert.deepEqual(judge({ rule: 'false', message: 'm', reason: 'FieldValueRequired' }, spec), [
      'spec: Required value: m',
    ]);
  });

  it('a rule that breaks while it runs is a failure that says why', () => {
    const [error = ''] = judge('self.nothing > 1', spec);
    assert.match(error, /^spec: Invalid value: "object": .* evaluating rule: self\.nothing > 1$/);
  });

  it('transition rules wait for an old value', () => {
    assert.deepEqual(judge('self.a == oldSelf.a', { a: 2 }), []);
    assert.deepEqual(judge('self.a == oldSelf.a', { a: 2 }, { a: 2 }), []);
    assert.deepEqual(judge({ rule: 'self.a == oldSelf.a', message: 'immutable' }, { a: 3 }, { a: 2 }), [
      'spec: Invalid value: immutable',
    ]);
  });

  it('items of keyed lists are compared with their former self, whatever their place', () => {
    const item: Schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        size: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'may not shrink' }] },
      },
    };
    const validate = compileRules({
      type: 'object',
      properties: {
        parts: { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
      },
    });
    const old = {
      parts: [
        { name: 'a', size: 1 },
        { name: 'b', size: 9 },
      ],
    };
    assert.deepEqual(
      validate(
        {
          parts: [
            { name: 'b', size: 9 },
            { name: 'a', size: 1 },
          ],
        },
        old,
      ),
      [],
    );
    const errors = validate(
      {
        parts: [
          { name: 'b', size: 8 },
          { name: 'new', size: 0 },
        ],
      },
      old,
    );
    assert.deepEqual(
      errors.map((error) => `${error.path}: ${formatFieldErrorBody(error)}`),
      ['parts[0].size: Invalid value: 8: may not shrink'],
    );
  });

  it('fields whose names CEL reserves are reached by their escaped names', () => {
    assert.deepEqual(
      judge('self.__namespace__ == "x" && self.a__dash__b == 1', { namespace: 'x', 'a-b': 1 }, undefined, {
        namespace: { type: 'string' },
        'a-b': { type: 'integer' },
      }),
      [],
    );
  });

  it('a rule that is no CEL is refused when it is compiled, with its place', () => {
    assert.throws(
      () => judge('self.a >', spec),
      (error) => isHybridStoreError(error, 'invalid_request') && error.message.startsWith('spec: rule "self.a >"'),
    );
  });
});
