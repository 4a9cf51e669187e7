import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { runCommandLine } from '../src/command-line.ts';

/*
 * The scripts in the shells that they are for. bash is everywhere; zsh and fish are asked where they are installed, and
 * where CI is set they have to be (.ci/run installs them).
 */

const folder = createTemporaryFolder('completion');
after(() => folder[Symbol.dispose]());
const at = (name: string) => join(folder.path, name);
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const shellMsMax = 60_000;

/** Programs of the names that a shell would find, which note what they are asked and answer as the platform would. */
const stub = (name: string) => `#!/bin/sh
echo "${name === 'npx' ? 'npx ' : ''}$*" >> '${at('asked')}'
case "$*" in
  *"completion sources"*) printf 'flights\\nfilms\\n' ;;
  *" -o name"*) printf 'tenants/acme\\ntenants/apex\\n' ;;
esac
`;

before(async () => {
  mkdirSync(at('bin'));
  mkdirSync(at('home'));
  for (const name of ['hybridstore', 'npx']) {
    writeFileSync(at(`bin/${name}`), stub(name));
    chmodSync(at(`bin/${name}`), 0o755);
  }
  for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(at(`script.${shell}`), await printScript(shell));
  writeFileSync(at('rows.csv'), 'a\n1\n');
});

async function printScript(shell: string): Promise<string> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const io = { stdin: new PassThrough(), stdout, stderr, variables: {}, signal: new AbortController().signal };
  assert.equal(await runCommandLine(['completion', shell], io), 0);
  return String(stdout.read());
}

type Shell = { readonly command: string; readonly complete: (line: string) => readonly string[] };

function ask(command: string, args: readonly string[]): string {
  const env = { PATH: `${at('bin')}:${process.env['PATH']}`, HOME: at('home'), TERM: 'dumb', LANG: 'C.UTF-8' };
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder.path,
    encoding: 'utf8',
    env,
    timeout: shellMsMax,
  });
  assert.deepEqual([error, status], [undefined, 0], stderr);
  return stdout;
}

const linesOf = (text: string) => text.split('\n').filter(Boolean).sort();

const shells: readonly Shell[] = [
  {
    command: 'bash',
    complete: (line) => {
      const words = line.split(' ');
      const isNpx = words[0] === 'npx';
      const quoted = words.map((word) => `'${word}'`).join(' ');
      const [current, previous] = [words.at(-1) ?? '', words.at(-2) ?? ''];
      const call = `${isNpx ? '_hybridstore_npx npx' : '_hybridstore hybridstore'} '${current}' '${previous}'`;
      const asked = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ${call}; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return linesOf(ask('bash', ['--norc', '-c', `source '${at('script.bash')}'; ${asked}`]));
    },
  },
  {
    command: 'zsh',
    complete: (line) => {
      writeFileSync(at('hits'), '');
      ask('zsh', [
        '-f',
        beside('complete-in.zsh'),
        beside('prepare-completion.zsh'),
        at('script.zsh'),
        at('hits'),
        line,
      ]);
      return linesOf(readFileSync(at('hits'), 'utf8')).map((hit) => hit.trim());
    },
  },
  {
    command: 'fish',
    complete: (line) => {
      const output = ask('fish', [
        '--no-config',
        '-c',
        `source '${at('script.fish')}'; complete -C $argv[1]`,
        '--',
        line,
      ]);
      return linesOf(output).map((hit) => hit.split('\t')[0] ?? '');
    },
  },
];

const kinds = ['compactionpolicies', 'datasources', 'events', 'pods', 'tenants'];
/** What a TAB at the end of the line offers, and what the platform is asked for it. */
const lines: readonly (readonly [line: string, offered: readonly string[], asked?: string])[] = [
  ['hybridstore co', ['completion']],
  ['hybridstore --data-d', ['--data-dir']],
  ['hybridstore get ', kinds],
  ['hybridstore get ten', ['tenants']],
  ['hybridstore get tenants a', ['acme', 'apex'], 'get tenants -n default -o name'],
  ['hybridstore get -n x tenants ap', ['apex'], 'get tenants -n x -o name'],
  ['hybridstore --data-dir /x delete tenants ac', ['acme'], '--data-dir /x get tenants -n default -o name'],
  ['hybridstore load --source f', ['films', 'flights'], 'completion sources'],
  ['hybridstore load -s fl', ['flights'], 'completion sources'],
  ['hybridstore -t a/b load --source fi', ['films'], '-t a/b completion sources'],
  ['hybridstore load rows', ['rows.csv']],
  ['hybridstore load --rej', ['--rejected-max']],
  ['hybridstore query --dialect ', ['duckdb', 'mysql', 'postgresql']],
  ['hybridstore query --dialect p', ['postgresql']],
  ['hybridstore query --consistency ', ['committed', 'strict']],
  ['hybridstore admin ch', ['check']],
  ['hybridstore admin mem', ['members']],
  ['hybridstore completion f', ['fish']],
  ['npx hybridstore co', ['completion']],
  ['npx hybridstore get ten', ['tenants']],
];

for (const { command, complete } of shells) {
  const isHere = spawnSync(command, ['--version']).error === undefined;
  const isNeeded = (process.env['CI'] ?? '') !== '';
  const skip = isHere || isNeeded ? false : `needs ${command}: apt-get install ${command}`;
  describe(`the completion of ${command}`, { skip }, () => {
    for (const [line, offered, asked] of lines)
      it(`offers ${offered.join(', ')} for: ${line}`, () => {
        writeFileSync(at('asked'), '');
        assert.deepEqual(complete(line), offered);
        assert.equal(readFileSync(at('asked'), 'utf8'), asked === undefined ? '' : `${asked}\n`);
      });

    it('of npx asks through npx, or through what is installed', () => {
      writeFileSync(at('asked'), '');
      assert.deepEqual(complete('npx hybridstore get tenants ac'), ['acme']);
      assert.match(readFileSync(at('asked'), 'utf8'), /^(npx hybridstore )?get tenants -n default -o name\n$/);
    });

    it('leaves other programs of npx alone', () => {
      writeFileSync(at('asked'), '');
      assert.deepEqual(
        complete('npx other get ten').filter((hit) => hit === 'tenants'),
        [],
      );
      assert.equal(readFileSync(at('asked'), 'utf8'), '');
    });
  });
}
