import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { localCommands } from '../start/local-commands.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const image = 'hybridstore/services:0.1.0';

describe('images as local commands', () => {
  it('run the service that the first argument names, and no other image', () => {
    const commandOf = localCommands('/repository', false);
    assert.deepEqual(commandOf(image, ['tenant-node', '--flag']), {
      file: process.execPath,
      args: ['/repository/services/tenant-node/src/main.ts', '--flag'],
    });
    assert.deepEqual([commandOf(image, []), commandOf('busybox', ['tenant-node'])], [undefined, undefined]);
  });

  it('that are watched look at every package that a service depends on', () => {
    const { args = [] } = localCommands('/repository', true)(image, ['example']) ?? {};
    const watched = args.flatMap((one) => /^--watch-path=\/repository\/packages\/(.+)\/src$/.exec(one)?.[1] ?? []);
    assert.deepEqual(watched, servicePackages());
  });

  it('that are watched start again when code changes which only their child loads, and hear nothing but its answers', async () => {
    const root = mkdtempSync(join(tmpdir(), 'hybridstore-watch-'));
    after(() => rmSync(root, { recursive: true, force: true }));
    write(
      root,
      'scripts/start/hide-watch.ts',
      `import ${JSON.stringify(join(repository, 'scripts/start/hide-watch.ts'))};`,
    );
    for (const name of servicePackages()) write(root, `packages/${name}/src/index.ts`, '');
    write(root, 'services/example/src/answer.ts', `export const answer = 'first';`);
    write(root, 'services/example/src/child.ts', `import { answer } from './answer.ts'; process.send?.(answer);`);
    write(
      root,
      'services/example/src/main.ts',
      `import { fork } from 'node:child_process';
      fork(new URL('child.ts', import.meta.url)).on('message', (answer) => console.log(JSON.stringify(answer)));`,
    );
    const command = localCommands(root, true)(image, ['example']);
    const watched = spawn(command?.file ?? '', command?.args ?? [], { stdio: ['ignore', 'pipe', 'ignore'] });
    after(() => watched.kill('SIGKILL'));
    const heard: string[] = [];
    for await (const line of createInterface({ input: watched.stdout })) {
      if (!line.startsWith('"') && !line.startsWith('{')) continue;
      heard.push(line);
      if (heard.length === 1) write(root, 'services/example/src/answer.ts', `export const answer = 'second';`);
      else if (line !== heard[0]) break;
    }
    watched.kill();
    assert.deepEqual([...new Set(heard)], ['"first"', '"second"']);
  });
});

/** The packages of ours that the services' manifests name. */
function servicePackages(): readonly string[] {
  const manifests = globSync('services/*/package.json', { cwd: repository }).map(
    (path) => JSON.parse(readFileSync(join(repository, path), 'utf8')) as { readonly dependencies?: object },
  );
  const names = manifests.flatMap(({ dependencies = {} }) => Object.keys(dependencies));
  return [...new Set(names.flatMap((name) => /^@hybridstore\/(.+)$/.exec(name)?.[1] ?? []))].sort();
}

function write(root: string, name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
