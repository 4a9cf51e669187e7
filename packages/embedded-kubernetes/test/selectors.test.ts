import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { matchLabelSelector, parseFieldSelector, parseLabelSelector } from '../src/selectors.ts';

const labels = { app: 'store', tier: 'front' };

describe('selectors', () => {
  const rows: [string, boolean][] = [
    ['', true],
    ['app=store', true],
    ['app==store', true],
    ['app!=store', false],
    ['color!=red', true],
    ['app in (a,store)', true],
    ['app notin (a, store)', false],
    ['color notin (red)', true],
    ['app', true],
    ['!app', false],
    ['!color,app=store', true],
    ['app=store,tier=back', false],
    ['tier in (front),app in (store)', true],
  ];
  for (const [text, isMatch] of rows) {
    it(`${JSON.stringify(text)} ${isMatch ? 'selects' : 'does not select'}`, () =>
      assert.equal(parseLabelSelector(text)(labels), isMatch));
  }

  for (const text of ['a in b', '=x', 'a=b=c d', '(x)']) {
    it(`${JSON.stringify(text)} is refused`, () =>
      assert.throws(
        () => parseLabelSelector(text),
        (error) => isHybridStoreError(error, 'invalid_request'),
      ));
  }

  it('an absent selector matches nothing, an empty one everything', () => {
    assert.equal(matchLabelSelector(undefined, labels), false);
    assert.equal(matchLabelSelector({}, labels), true);
    assert.equal(matchLabelSelector({ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, labels), true);
    assert.equal(matchLabelSelector({ matchLabels: { app: 'x' } }, labels), false);
  });

  it('fields are compared as text, absent ones as the empty text', () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, status: { phase: 'Running' } };
    assert.equal(parseFieldSelector('metadata.name=a,status.phase!=Failed')(pod), true);
    assert.equal(parseFieldSelector('spec.nodeName=')(pod), true);
    assert.throws(
      () => parseFieldSelector('nonsense'),
      (error) => isHybridStoreError(error, 'invalid_request'),
    );
  });
});
