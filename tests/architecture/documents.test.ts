import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { definesClass, definesFunction } from './definitions.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const internals = readdirSync(join(root, 'docs/internals')).filter((name) => name.endsWith('.md'));
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'operator/README.md',
  ...pagesBelow('docs'),
  ...readdirSync(join(root, 'services')).map((name) => `services/${name}/README.md`),
];

function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replace(/^\//, ''));
}

type NamedFunction = { readonly name: string; readonly owner: string | undefined; readonly file: string };

/** `path/to/file.ts` and `functionName()` or `Class.method()` in backticks; a function stands in the nearest file named before it. */
function namesIn(page: string): { readonly files: readonly string[]; readonly functions: readonly NamedFunction[] } {
  const files: string[] = [];
  const functions: NamedFunction[] = [];
  for (const [, code = ''] of page.matchAll(/`([^`\n]+)`/g)) {
    if (/^[\w@.-]+(\/[\w@.-]+)+\.(ts|js|yaml|json)$/.test(code)) files.push(code);
    const call = /^(?:([A-Z]\w*)\.)?(#?\w+)\(\)$/.exec(code);
    if (call?.[2]) functions.push({ name: call[2], owner: call[1], file: files.at(-1) ?? '' });
  }
  return { files, functions };
}

function isDefined({ name, owner, file }: NamedFunction): boolean {
  if (file === '') return false;
  const text = readFileSync(join(root, file), 'utf8');
  return definesFunction(text, name) && (owner === undefined || definesClass(text, owner));
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

    it(`${name} names functions that are defined in the file named before them`, () => {
      assert.deepEqual(
        functions.filter((one) => !isDefined(one)),
        [],
      );
    });
  }

  it('name functions at all, so that the check above is not empty', () => {
    for (const life of internals.filter((name) => name.startsWith('life-of-a-')))
      assert.ok(namesIn(readFileSync(join(root, 'docs/internals', life), 'utf8')).functions.length >= 8, life);
  });

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
