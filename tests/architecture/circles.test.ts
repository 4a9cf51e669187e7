import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findCircles, importGraph } from './circles.ts';
import { readSource, sourceFiles } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const plan = 'packages/contracts/src/plan';

/** Circles that stay: an expression holds queries, a query relations, a relation expressions. */
const allowed: readonly (readonly string[])[] = [[`${plan}/expression.ts`, `${plan}/query.ts`, `${plan}/relation.ts`]];

function circlesOf(sources: Readonly<Record<string, string>>): string[][] {
  return findCircles(importGraph(Object.keys(sources), (file) => sources[file] ?? ''));
}

describe('imports', () => {
  it('run in no circle but the types of the plan', () => {
    const files = sourceFiles(root, ['packages', 'operator', 'services', 'cli', 'scripts', 'bench']);
    assert.ok(files.length > 100, `only ${files.length} source files found`);
    assert.deepEqual(findCircles(importGraph(files, (file) => readSource(root, file))), allowed);
  });

  it('of two files that name each other are a circle, of values and types alike', () => {
    assert.deepEqual(
      circlesOf({
        'packages/x/src/b.ts': "import type { A } from './a.ts';",
        'packages/x/src/a.ts': "import { b } from './b.ts';",
        'packages/x/src/c.ts': "import { a } from './a.ts';",
      }),
      [['packages/x/src/a.ts', 'packages/x/src/b.ts']],
    );
  });

  it('of a part that names the front door of its own package are a circle', () => {
    assert.deepEqual(
      circlesOf({
        'packages/x/src/index.ts': "export * from './a.ts';",
        'packages/x/src/a.ts': "import { b } from '@hybridstore/x';",
        'services/y/src/main.ts': "import { a } from '@hybridstore/x';",
      }),
      [['packages/x/src/a.ts', 'packages/x/src/index.ts']],
    );
  });

  it('of two packages that name each other are a circle', () => {
    assert.deepEqual(
      circlesOf({
        'packages/x/src/index.ts': "export { y } from '@hybridstore/y';",
        'packages/y/src/index.ts': "export { part } from './part.ts';",
        'packages/y/src/part.ts': "import { x } from '@hybridstore/x';",
      }),
      [['packages/x/src/index.ts', 'packages/y/src/index.ts', 'packages/y/src/part.ts']],
    );
  });

  it('of a file that names itself are a circle', () => {
    assert.deepEqual(circlesOf({ 'cli/src/a.ts': "import { b } from './a.ts';" }), [['cli/src/a.ts']]);
  });

  it('that meet again are none: two ways to one file are no way back', () => {
    assert.deepEqual(
      circlesOf({
        'cli/src/a.ts': "import './b.ts';\nimport './c.ts';",
        'cli/src/b.ts': "import './d.ts';",
        'cli/src/c.ts': "import './d.ts';",
        'cli/src/d.ts': '',
      }),
      [],
    );
  });

  it('of two circles that do not touch are two groups', () => {
    assert.deepEqual(
      circlesOf({
        'cli/src/c.ts': "import './d.ts';",
        'cli/src/d.ts': "import './c.ts';\nimport './a.ts';",
        'cli/src/a.ts': "import './b.ts';",
        'cli/src/b.ts': "import './a.ts';",
      }),
      [
        ['cli/src/a.ts', 'cli/src/b.ts'],
        ['cli/src/c.ts', 'cli/src/d.ts'],
      ],
    );
  });
});
