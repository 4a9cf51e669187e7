import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readJsonPath } from '../../src/kube/json-path.ts';

const object = {
  spec: { replicas: 3, zero: 0, text: '', nothing: null, off: false, 'with-dash': 9 },
  metadata: { annotations: { 'example.com/team': 'search' } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True', detail: { code: 7 } },
      { type: 'Ready', status: 'Late' },
      { type: 'Stalled', status: 'False' },
    ],
  },
};

describe('the paths of printer columns', () => {
  const found: readonly (readonly [string, unknown])[] = [
    ['.spec.replicas', 3],
    ['spec.replicas', 3],
    ['.spec.zero', 0],
    ['.spec.text', ''],
    ['.spec.nothing', null],
    ['.spec.off', false],
    ['.spec.with-dash', 9],
    ['.status.conditions[1].status', 'Late'],
    ['.status.conditions[2]', { type: 'Stalled', status: 'False' }],
    [".metadata.annotations['example.com/team']", 'search'],
    ['.status.conditions[?(@.type=="Stalled")].status', 'False'],
    [".status.conditions[?(@.type=='Ready')].status", 'True'],
    ['.status.conditions[?(@.detail.code=="7")].status', 'True'],
    ['.status.conditions[?(@.type=="Ready")].detail.code', 7],
  ];
  for (const [path, value] of found)
    it(`${path} finds ${JSON.stringify(value)}`, () => assert.deepEqual(readJsonPath(object, path), value));

  const missing = [
    '.absent',
    '.absent.deeper',
    '.spec.replicas.deeper',
    '.spec.text.deeper',
    '.status.conditions[9].status',
    '.status.conditions[?(@.type=="Absent")].status',
    '.spec[?(@.type=="Ready")]',
    ".metadata.annotations['absent']",
  ];
  for (const path of missing) it(`${path} finds nothing`, () => assert.equal(readJsonPath(object, path), undefined));

  const hostile = [
    '.constructor',
    '.__proto__',
    '.spec.constructor.name',
    '.status.conditions[?(globalThis.reached=1)].status',
    '.status.conditions[?(@.type.constructor.constructor("globalThis.reached=1")())].status',
    '.status.conditions[?(process.exit(1))].status',
    '.status.conditions[?(',
    ".status.conditions[?(@.type=='",
    `.${'a.'.repeat(10_000)}a`,
    `.status.conditions[?(${'('.repeat(10_000)}`,
  ];
  for (const path of hostile)
    it(`${path.slice(0, 80)} finds nothing and runs nothing`, () => {
      assert.equal(readJsonPath(object, path), undefined);
      assert.equal('reached' in globalThis, false);
    });

  it('what is no object has nothing below it', () => {
    for (const root of [undefined, null, 5, 'text', true]) assert.equal(readJsonPath(root, '.a'), undefined);
  });
});
