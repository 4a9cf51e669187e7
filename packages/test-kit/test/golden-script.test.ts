import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readGoldenCommands, runGoldenScript } from '../src/golden-script.ts';
import { createTemporaryFolder } from '../src/temporary-folder.ts';

const upper = (command: string) => command.toUpperCase().split('\n');
const right = '# shouting\n\n# of two lines\n> one\n> two\n---\nONE\nTWO\n\n> three\n---\nTHREE\n';

async function withScript(text: string, work: (path: URL) => Promise<void>): Promise<void> {
  using folder = createTemporaryFolder('golden');
  const path = pathToFileURL(join(folder.path, 'script.txt'));
  writeFileSync(path, text);
  await work(path);
}

describe('a golden script', () => {
  it('passes where every command prints what stands below it', () =>
    withScript(right, (path) => runGoldenScript(path, upper)));

  it('fails where a command prints something else', () =>
    withScript(right.replace('THREE', 'FOUR'), (path) =>
      assert.rejects(runGoldenScript(path, upper), { code: 'ERR_ASSERTION', message: /script\.txt differs/ }),
    ));

  it('fails where a command has no answer yet', () =>
    withScript('> one\n', (path) => assert.rejects(runGoldenScript(path, upper), { code: 'ERR_ASSERTION' })));

  it('fails where a line is neither a comment nor a command', () =>
    withScript('one\n---\nONE\n', (path) => assert.rejects(runGoldenScript(path, upper), /found: one/)));

  it('fails where a command prints an empty line, which would end its block', () =>
    withScript(right, (path) =>
      assert.rejects(
        runGoldenScript(path, () => ['a', '']),
        /prints an empty line/,
      ),
    ));

  it('is written anew with UPDATE_GOLDEN=1, its comments kept', () =>
    withScript(right.replaceAll(/^[A-Z]+$/gm, 'old'), async (path) => {
      process.env['UPDATE_GOLDEN'] = '1';
      try {
        await runGoldenScript(path, upper);
      } finally {
        delete process.env['UPDATE_GOLDEN'];
      }
      assert.equal(readFileSync(path, 'utf8'), right);
    }));

  it('lists its commands', () =>
    withScript(right, async (path) => assert.deepEqual(readGoldenCommands(path), ['one\ntwo', 'three'])));
});
