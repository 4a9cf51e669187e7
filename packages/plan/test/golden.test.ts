import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arithmeticOperators,
  bodySchemas,
  comparisonOperators,
  expressionSchemas,
  isHybridStoreError,
  joinTypes,
  relationSchemas,
  setOperators,
} from '@hybridstore/contracts';
import { readGoldenCommands, runGoldenScript } from '@hybridstore/test-kit';
import { optimizationStepNames } from '../src/transform/optimize-plan.ts';
import { readPlan, showPrinted, showPruning, showRewrites } from './golden-plans.ts';

const script = (name: string) => new URL(`golden/${name}.txt`, import.meta.url);
const plans = (name: string) =>
  readGoldenCommands(script(name)).flatMap((command) => {
    try {
      return [readPlan(command)];
    } catch (error) {
      if (isHybridStoreError(error)) return []; // a script shows refusals too
      throw error;
    }
  });

/** Values of one field in all nodes below. */
function valuesOf(field: string, node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, child]) =>
    name === field && typeof child === 'string' ? [child] : valuesOf(field, child),
  );
}

function missing(field: string, wanted: readonly string[]): readonly string[] {
  const shown = new Set(valuesOf(field, plans('printer')));
  return wanted.filter((value) => !shown.has(value));
}

describe('golden scripts of plans', () => {
  it('show what each rewrite makes of a plan', () => runGoldenScript(script('transforms'), showRewrites));
  it('show how each node is printed', () => runGoldenScript(script('printer'), showPrinted));
  it('show which files statistics rule out', () => runGoldenScript(script('pruning'), showPruning));

  it('print every kind of node that a plan may hold', () => {
    const clauses = ['query', 'rows', 'on', 'key', 'rollup', 'cube', 'sets'];
    const frames = ['unbounded_preceding', 'preceding', 'current_row', 'following', 'unbounded_following'];
    const nodes = [expressionSchemas, bodySchemas, relationSchemas].flatMap(Object.keys);
    assert.deepEqual(missing('kind', [...nodes, ...clauses, ...frames]), []);
  });

  it('print every operator and every type of join', () => {
    assert.deepEqual(missing('operator', [...comparisonOperators, ...arithmeticOperators, ...setOperators]), []);
    assert.deepEqual(missing('type', joinTypes), []);
  });

  it('show every rewrite firing and not firing', () => {
    const shown = readGoldenCommands(script('transforms')).map(showRewrites);
    for (const name of optimizationStepNames) {
      const fired = shown.filter((lines) => lines.includes(`${name}:`)).length;
      assert.ok(fired >= 3 && shown.length - fired >= 3, `${name} fires ${fired} times of ${shown.length}`);
    }
  });
});
