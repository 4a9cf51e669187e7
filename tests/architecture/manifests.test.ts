import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importTargets, readSource, sourceFiles } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const workspaces = globSync(['{packages,services}/*/package.json', 'operator/package.json', 'cli/package.json'], {
  cwd: root,
}).map(dirname);

type Manifest = { readonly name: string; readonly dependencies?: Readonly<Record<string, string>> };

function readManifest(workspace: string): Manifest {
  return JSON.parse(readSource(root, `${workspace}/package.json`)) as Manifest; // npm has read the same file
}

/** Packages that the sources of a workspace import: of ours, and of npm. */
function importedPackages(workspace: string): readonly string[] {
  const targets = sourceFiles(root, [`${workspace}/src`]).flatMap((file) =>
    importTargets(file, readSource(root, file)),
  );
  const packages = targets.flatMap((target) => {
    if (target.startsWith('npm:')) return [target.slice('npm:'.length)];
    return target.startsWith('@hybridstore/') ? [target.split('/', 2).join('/')] : [];
  });
  return [...new Set(packages)].sort();
}

describe('the manifest of', () => {
  for (const workspace of workspaces.sort()) {
    it(`${workspace} declares every package that its sources import`, () => {
      const { name, dependencies = {} } = readManifest(workspace);
      assert.deepEqual(
        importedPackages(workspace).filter((imported) => imported !== name && !Object.hasOwn(dependencies, imported)),
        [],
      );
    });

    it(`${workspace} declares nothing that its sources do not import`, () => {
      const imported = importedPackages(workspace);
      const { dependencies = {} } = readManifest(workspace);
      assert.deepEqual(
        Object.keys(dependencies).filter((name) => !imported.includes(name)),
        [],
      );
    });
  }
});
