import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describeScript, parseScriptArguments, type Script } from '../script-arguments.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

function call(command: string, ...more: readonly string[]) {
  const [program = '', ...args] = command.split(' ');
  assert.equal(program, 'node');
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, ...more], { cwd: root, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('each script of package.json', () => {
  for (const [name, command] of Object.entries(scripts)) {
    it(`${name} --help says what it does and what can be said to it, and does nothing`, () => {
      const { status, stdout, stderr } = call(command, '--help');
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^usage: npm (run )?[a-z:]+ --/m);
      assert.match(stdout, /^ {2}--help {2,}show this$/m);
    });

    it(`${name} refuses an unknown option by name, and does nothing`, () => {
      const { status, stdout, stderr } = call(command, '--bogus');
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /Unknown option '--bogus'; expected .*--help/);
    });
  }
});

const script: Script<{
  readonly keep: { readonly type: 'boolean'; readonly does: string };
  readonly budget: { readonly type: 'string'; readonly value: string; readonly does: string };
}> = {
  call: 'npm run it --',
  does: 'Does it.',
  options: {
    keep: { type: 'boolean', does: 'leaves it' },
    budget: { type: 'string', value: 'N', does: 'how much' },
  },
  variables: { IT: 'which' },
};

describe('the arguments of a script', () => {
  it('are its options, and the rest where it takes one', () => {
    const found = { kind: 'arguments', values: { keep: true, budget: '3' }, rest: [] };
    assert.deepEqual(JSON.parse(JSON.stringify(parseScriptArguments(script, ['--keep', '--budget=3']))), found);
    const taking = { ...script, rest: { name: 'PLACES', does: 'some' } };
    assert.deepEqual(parseScriptArguments(taking, ['a', 'b']), {
      kind: 'arguments',
      values: Object.create(null),
      rest: ['a', 'b'],
    });
  });

  it('are refused by name with what is known', () => {
    const refused: readonly (readonly [argv: readonly string[], reason: string])[] = [
      [['--kept'], "Unknown option '--kept'"],
      [['-k'], "Unknown option '-k'"],
      [['--keep=1'], "Option '--keep' does not take an argument"],
      [['--budget'], "Option '--budget <value>' argument missing"],
      [['extra'], "Unexpected argument 'extra'"],
    ];
    for (const [argv, reason] of refused) {
      const text = `npm run it --: ${reason}; expected --keep, --budget, --help\n`;
      assert.deepEqual(parseScriptArguments(script, argv), { kind: 'wrong', text }, argv.join(' '));
    }
  });

  it('are shown by --help, whatever stands beside it', () => {
    const text = `Does it.

usage: npm run it -- [options]

options:
  --keep      leaves it
  --budget N  how much
  --help      show this

environment:
  IT  which
`;
    assert.equal(describeScript(script), text);
    assert.deepEqual(parseScriptArguments(script, ['--keep', '--help']), { kind: 'help', text });
  });
});
