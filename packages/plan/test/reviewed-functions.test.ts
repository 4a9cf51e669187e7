import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { planFunctions } from '../src/index.ts';

const page = readFileSync(new URL('../../../docs/internals/engine-functions.md', import.meta.url), 'utf8');
const reviewed = [...page.matchAll(/^```\n([\s\S]*?)^```/gm)].flatMap(([, names = '']) => names.trim().split(/\s+/));

describe('the list of functions', () => {
  test('holds what was reviewed, each once, and nothing else', () => {
    assert.deepEqual([...reviewed].sort(), planFunctions.map(({ name }) => name).sort());
  });
});
