import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const internals = readdirSync(join(root, 'docs/internals')).filter((name) => name.endsWith('.md'));
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...pagesBelow('docs'),
  ...readdirSync(join(root, 'services')).map((name) => `services/${name}/README.md`),
];

function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replace(/^\//, ''));
}

/** `path/to/file.ts` and `functionName()` in backticks; a function stands in the nearest file named before it. */
function namesIn(page: string): {
  readonly files: string[];
  readonly functions: { readonly name: string; readonly file: string }[];
} {
  const files: string[] = [];
  const functions: { name: string; file: string }[] = [];
  for (const [, code = ''] of page.matchAll(/`([^`\n]+)`/g)) {
    if (/^[\w@.-]+(\/[\w@.-]+)+\.(ts|js|yaml|json)$/.test(code)) files.push(code);
    const call = /^(?:[A-Z]\w*\.)?(#?\w+)\(\)$/.exec(code);
    if (call?.[1]) functions.push({ name: call[1], file: files.at(-1) ?? '' });
  }
  return { files, functions };
}

describe('the pages about the insides', () => {
  for (const name of internals) {
    const page = readFileSync(join(root, 'docs/internals', name), 'utf8');
    const { files, functions } = namesIn(page);

    it(`${name} names files that exist`, () => {
      assert.deepEqual(
        files.filter((file) => !existsSync(join(root, file))),
        [],
      );
    });

    it(`${name} names functions that stand in the file named before them`, () => {
      const missing = functions.filter(
        ({ name: fn, file }) =>
          file === '' || !new RegExp(`${fn.replace('#', '#')}\\b`).test(readFileSync(join(root, file), 'utf8')),
      );
      assert.deepEqual(missing, []);
    });
  }

  it('follow a write, a query and a reconcile', () => {
    for (const life of ['life-of-a-write.md', 'life-of-a-query.md', 'life-of-a-reconcile.md'])
      assert.ok(internals.includes(life), life);
  });
});

describe('links', () => {
  for (const page of pages) {
    it(`of ${page} lead to files that exist`, () => {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
      const targets = [...text.matchAll(/\]\(([^)\s#]+)(#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !/^(https?|mailto):/.test(target));
      assert.deepEqual(
        targets.filter((target) => !statSync(normalize(join(root, dirname(page), target)), { throwIfNoEntry: false })),
        [],
      );
    });
  }
});
