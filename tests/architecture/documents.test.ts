import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { definesClass, definesFunction } from './definitions.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const lives = ['write', 'query', 'reconcile'].map((name) => `docs/internals/life-of-a-${name}.md`);
/** Pages that lead into the code by name: a name that moved is a page that lies. */
const guides = [
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'operator/README.md',
  'docs/operating/security.md',
  ...pagesBelow('docs/internals'),
  ...pagesBelow('docs/adr'),
  ...['packages', 'services'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}/README.md`),
  ),
];
const pages = ['README.md', ...guides, ...pagesBelow('docs').filter((page) => !guides.includes(page))];

function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replace(/^\//, ''));
}

type NamedFunction = { readonly name: string; readonly owner: string | undefined; readonly file: string };

type Names = { readonly files: readonly string[]; readonly functions: readonly NamedFunction[] };

/**
 * `path/to/file.ts`, `path/to/folder/` and `functionName()` or `Class.method()` in backticks; a function stands in the
 * nearest file named before it.
 */
function namesIn(page: string): Names {
  const files: string[] = [];
  const functions: NamedFunction[] = [];
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  for (const [, code = ''] of text.matchAll(/`([^`\n]+)`/g)) {
    if (isFile.test(code) || isFolder.test(code)) files.push(resolveName(page, code));
    const call = /^(?:([A-Z]\w*)\.)?(#?\w+)\(\)$/.exec(code);
    if (call?.[2])
      functions.push({ name: call[2], owner: call[1], file: files.findLast((file) => isFile.test(file)) ?? '' });
  }
  return { files, functions };
}

/** A path of the repository, or of the page's own folder, or of the sources beside the page. */
function resolveName(page: string, name: string): string {
  const places = [name, join(dirname(page), name), join(dirname(page), 'src', name)];
  return places.find((place) => existsSync(join(root, place))) ?? name;
}

const isFile = /^[\w@.-]+(\/[\w@.-]+)+\.(ts|js|yaml|json)$/;
const isFolder = /^(packages|services|operator|cli|scripts|tests|docs|src|test)\/[\w@./-]*\/$/;

function isDefined({ name, owner, file }: NamedFunction): boolean {
  if (file === '') return false;
  const text = readFileSync(join(root, file), 'utf8');
  return definesFunction(text, name) && (owner === undefined || definesClass(text, owner));
}

describe('the pages about the insides', () => {
  for (const page of guides) {
    const { files } = namesIn(page);

    it(`${page} names files that exist`, () => {
      assert.deepEqual(
        files.filter((file) => !existsSync(join(root, file))),
        [],
      );
    });
  }

  for (const page of pagesBelow('docs/internals')) {
    const { functions } = namesIn(page);

    it(`${page} names functions that are defined in the file named before them`, () => {
      assert.deepEqual(
        functions.filter((one) => !isDefined(one)),
        [],
      );
    });
  }

  it('name functions at all, so that the check above is not empty', () => {
    for (const life of lives) assert.ok(namesIn(life).functions.length >= 8, life);
  });

  it('follow a write, a query and a reconcile', () => {
    for (const life of lives) assert.ok(existsSync(join(root, life)), life);
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
