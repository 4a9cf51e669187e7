import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
const outputBytesMax = 64 * 1024 * 1024;

/** What kubectl prints; fails with its own words where it does. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return (await run('kubectl', args, { maxBuffer: outputBytesMax })).stdout;
}

/** As `kubectl`, with an object at its standard input, which is the file `-`. */
export async function kubectlWith(object: object, ...args: readonly string[]): Promise<void> {
  const child = spawn('kubectl', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(JSON.stringify(object));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
}
