import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gateFunctions } from '../../../src/execute/child/gate-functions.ts';
import { type EngineFunction, readEngineFunctions } from './engine-overloads.ts';

/** Words of the grammar, which the engine's catalog does not list. */
const unlisted = ['cast', 'coalesce', 'decimal', 'grouping', 'try_cast'];
/** What is not a function of its arguments alone, or not only a function; the page on functions says why each is safe. */
const special: Readonly<Record<string, readonly string[]>> = {
  error: ['scalar VOLATILE with side effects'],
  generate_series: ['scalar', 'table'],
  histogram: ['aggregate', 'table_macro'],
  now: ['scalar CONSISTENT_WITHIN_QUERY'],
  random: ['scalar VOLATILE with side effects'],
  range: ['scalar', 'table'],
  repeat: ['scalar', 'table'],
  unnest: ['table'],
  uuid: ['scalar VOLATILE with side effects'],
};

describe('functions that a statement may name', () => {
  it('are, in the pinned engine, what was reviewed', async () => {
    const kinds = new Map<string, Set<string>>();
    for (const known of await readEngineFunctions())
      kinds.set(known.name, (kinds.get(known.name) ?? new Set()).add(describeKind(known)));
    const found: Record<string, readonly string[]> = {};
    for (const name of gateFunctions) {
      const own = [...(kinds.get(name) ?? ['unlisted'])].sort();
      if (own.length !== 1 || !['scalar', 'aggregate', 'macro'].includes(own[0] ?? '')) found[name] = own;
    }
    assert.deepEqual(found, { ...special, ...Object.fromEntries(unlisted.map((name) => [name, ['unlisted']])) });
  });
});

function describeKind({ kind, stability, hasSideEffects }: EngineFunction): string {
  const isPlain = stability === null || stability === 'CONSISTENT';
  return [kind, ...(isPlain ? [] : [stability]), ...(hasSideEffects ? ['with side effects'] : [])].join(' ');
}
