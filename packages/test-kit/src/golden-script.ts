import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

type Block = { readonly comments: readonly string[]; readonly command: string };

/**
 * Runs a script of commands and compares what each prints with what stands below it. `UPDATE_GOLDEN=1` writes the file
 * anew instead: its diff is the review. Blocks are apart by an empty line; a command of several lines says `>` before each.
 *
 *     # a comment, about the block that follows
 *     > sum 1 2
 *     ---
 *     3
 *
 * `run` gets a command without its marks and answers with lines, none of them empty. A command that is refused prints its
 * refusal: that is for `run` to say, an error that it throws fails the test.
 */
export async function runGoldenScript(
  path: URL,
  run: (command: string) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const expected = readFileSync(path, 'utf8');
  const printed: string[] = [];
  for (const { comments, command } of readBlocks(expected)) {
    const lines = command === '' ? [] : ['---', ...(await run(command))];
    assert.ok(!lines.includes(''), `${command} prints an empty line, which would end its block`);
    const marked = command === '' ? [] : command.split('\n').map((line) => `> ${line}`);
    printed.push([...comments, ...marked, ...lines].join('\n'));
  }
  const actual = `${printed.join('\n\n')}\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, actual);
  else
    assert.equal(actual, expected, `${path.pathname} differs; UPDATE_GOLDEN=1 writes it, and the diff is the review`);
}

/** The commands of a script in their order. */
export function readGoldenCommands(path: URL): readonly string[] {
  return readBlocks(readFileSync(path, 'utf8')).flatMap(({ command }) => (command === '' ? [] : [command]));
}

function readBlocks(text: string): readonly Block[] {
  return text
    .trimEnd()
    .split(/\n{2,}/)
    .map((block) => {
      const [input = ''] = block.split(/^---$/m, 1);
      const lines = input.split('\n').filter((line) => line !== '');
      assert.ok(
        lines.every((line) => line.startsWith('# ') || line.startsWith('> ')),
        `expected comments and commands, found: ${input}`,
      );
      return {
        comments: lines.filter((line) => line.startsWith('# ')),
        command: lines
          .filter((line) => line.startsWith('> '))
          .map((line) => line.slice(2))
          .join('\n'),
      };
    });
}
