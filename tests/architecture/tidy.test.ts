import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readSource, sourceFiles, withoutComments } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const own = sourceFiles(root, ['packages', 'operator', 'services', 'cli', 'tests', 'scripts', 'bench']);
const services = readdirSync(join(root, 'services'));

function offenders(files: readonly string[], pattern: RegExp): string[] {
  return files.filter((file) => pattern.test(withoutComments(readSource(root, file))));
}

const method = /^ {2}(?:readonly )?[\w$]+\??(?:<[^>\n]*>)?\(/m;

/** Interfaces without a method, and types of objects with one. */
function misnamedShapes(text: string): string[] {
  const shapes = text.matchAll(/^(?:export )?(interface|type) (\w+)[^\n;]*?\{\n([\s\S]*?)^\}/gm);
  return [...shapes]
    .filter(([whole, word, , body = '']) =>
      word === 'interface'
        ? !method.test(body)
        : /^(?:export )?type \w+(<[^=]*>)? = \{\n/.test(whole) && method.test(body),
    )
    .map(([, , name = '']) => name);
}

/** A finalizer of before is still released; everything else has another name now. */
const givenUp =
  /\b(lookAgain|doom(ed)?|wish(es|ed)?|wished\w+|tidy[A-Z]\w*|Experience|experience|Knowledge|knowledge|priceWork|Shelf|shelf|EpochBook|second[ _]reader|secondReader|the house|this house|tellCatalog|told|tells)\b/g;
const pages = sourceFiles(root, ['docs', 'packages', 'services', 'operator'], '.md');

describe('the repository', () => {
  it('has no skipped, focused or unfinished test', () => {
    const tests = own.filter((file) => file.endsWith('.test.ts') && !file.startsWith('tests/architecture/'));
    assert.deepEqual(offenders(tests, /\b(it|test|describe)\.(skip|todo|only)\b|\b(skip|todo|only): *true/), []);
  });

  it('names its files in kebab-case, each by its concept', () => {
    const names = own.map((file) => file.split('/').at(-1) ?? '');
    assert.deepEqual(
      names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z-]+)*\.ts$/.test(name)),
      [],
    );
    assert.deepEqual(
      names.filter((name) => /^(utils|helpers|common|manager|misc)\.ts$/.test(name)),
      [],
    );
  });

  it('opens no file with a comment: the first exported thing carries the idea', () => {
    const opened = own.filter((file) =>
      /^(\/\/|\/\*(?:(?!\*\/)[\s\S])*\*\/\n+(import|\n))/.test(readSource(root, file)),
    );
    assert.deepEqual(opened, []);
  });

  it('says `interface` for behaviour and `type` for data', () => {
    assert.deepEqual(
      own.flatMap((file) => misnamedShapes(readSource(root, file)).map((name) => `${file}: ${name}`)),
      [],
    );
  });

  it('writes constants in camelCase', () => {
    assert.deepEqual(offenders(own, /^(export )?const [A-Z][A-Z0-9_]+\b/m), []);
  });

  it('says none of the words that it has given up for those of the field', () => {
    const texts = [...own, ...pages].map((file) => ({ file, text: readSource(root, file) }));
    const found = texts.flatMap(({ file, text }) =>
      [...text.matchAll(givenUp)].map(([word]) => `${file}: ${word.trim()}`),
    );
    assert.deepEqual(
      found.filter((line) => !line.startsWith('tests/architecture/')),
      [],
    );
  });

  it('starts every service in at most 40 lines', () => {
    for (const service of services) {
      const lines = readSource(root, `services/${service}/src/main.ts`).trimEnd().split('\n').length;
      assert.ok(lines <= 40, `services/${service}/src/main.ts has ${lines} lines`);
    }
  });

  it('lets no service be imported: its exports are empty', () => {
    for (const service of services) {
      const manifest: unknown = JSON.parse(readFileSync(join(root, 'services', service, 'package.json'), 'utf8'));
      assert.deepEqual((manifest as { exports: unknown }).exports, {});
    }
  });

  it('has one page about every service', () => {
    assert.deepEqual(
      services.filter((service) => !existsSync(join(root, 'services', service, 'README.md'))),
      [],
    );
  });

  it('pins every dependency exactly', () => {
    const manifests = [
      'package.json',
      ...['packages', 'services'].flatMap((folder) =>
        readdirSync(join(root, folder)).map((name) => `${folder}/${name}/package.json`),
      ),
      'operator/package.json',
      'cli/package.json',
    ];
    for (const manifest of manifests) {
      const content = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as Record<
        string,
        Record<string, string> | undefined
      >;
      const versions = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
        Object.entries(content[kind] ?? {}),
      );
      assert.deepEqual(
        versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
        [],
        manifest,
      );
    }
  });

  it('says `any` nowhere', () => {
    assert.deepEqual(
      offenders(
        own.filter((file) => !file.startsWith('tests/architecture/')),
        /(:|as|<)\s*any\b(?!\w)/,
      ),
      [],
    );
  });

  it('exports nothing that is named nowhere but where it is defined', () => {
    const texts = own.map((file) => ({ file, text: withoutComments(readSource(root, file)) }));
    const uses = new Map<string, number>();
    for (const { text } of texts)
      for (const [word] of text.matchAll(/[A-Za-z_]\w*/g)) uses.set(word, (uses.get(word) ?? 0) + 1);
    const exported = /^export (?:async |abstract )?(?:function\*?|const|let|class|type|interface) (\w+)/gm;
    const dead = texts.flatMap(({ file, text }) =>
      [...text.matchAll(exported)]
        .filter(([, name = '']) => uses.get(name) === 1)
        .map(([, name]) => `${file}: ${name}`),
    );
    assert.deepEqual(dead, []);
  });
});
