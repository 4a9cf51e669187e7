import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { call, eventually, type Platform } from '../platform.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** A marked block of commands, and below it what they print; `…` stands for anything within a line, alone on a line for any lines (a slow machine's tenant may have grown by then). */
const stop = /<!-- tour -->\n```sh\n(?<commands>[\s\S]*?)```\n\n```text\n(?<output>[\s\S]*?)```/g;
/** What a load says of its way where it takes long. */
const progress = /^\w+: \d+ % \(.*\)\n/gm;
const commandMsMax = 120_000;

/** The README's tour, word for word but for the ports, in its order: what a reader types prints what he is promised. */
export function readmeTour(open: () => Platform): void {
  const readme = readFileSync(`${root}/README.md`, 'utf8');
  const stops = [...readme.matchAll(stop)].map(({ groups }) => ({
    commands: groups?.['commands'] ?? '',
    output: groups?.['output'] ?? '',
  }));

  describe("the README's tour", () => {
    it('has an expected output below every marked block', () => {
      assert.ok(stops.length > 0);
      assert.equal(stops.length, readme.split('<!-- tour -->').length - 1);
    });

    for (const [index, { commands, output }] of stops.entries()) {
      it(`prints at stop ${index + 1} what the page says`, async () => {
        await isHealthy(open());
        const printed = run(open(), commands).replaceAll(progress, '');
        if (!matchesOutput(printed, output)) assert.equal(printed, output);
      });
    }
  });
}

/** The tenant may be growing from what other suites asked of it: a reader finds a platform that is all there. */
async function isHealthy(platform: Platform): Promise<void> {
  await eventually('the platform is healthy', async () => {
    const { body } = await call(`${platform.gateway}/health/all`);
    if (body['status'] === 'healthy') return true;
    throw new Error(JSON.stringify(body));
  });
}

function run(platform: Platform, commands: string): string {
  const { KUBECONFIG: _, ...environment } = process.env;
  const { stdout, status } = spawnSync(
    'bash',
    ['-euo', 'pipefail', '-c', `exec 2>&1\n${onItsPorts(platform, commands)}`],
    {
      cwd: root,
      encoding: 'utf8',
      timeout: commandMsMax,
      env: { ...environment, NO_COLOR: '1', HYBRIDSTORE_DATA_DIR: platform.dataDir ?? '' },
    },
  );
  assert.equal(status, 0, stdout);
  return stdout;
}

function onItsPorts(platform: Platform, commands: string): string {
  return commands.replaceAll('http://localhost:8080', platform.gateway);
}

function matchesOutput(printed: string, expected: string): boolean {
  const lines = expected.split(/(?<=\n)/).map((line) => (line === '…\n' ? '(?:.*\\n)*?' : inOneLine(line)));
  return new RegExp(`^${lines.join('')}$`).test(printed);
}

function inOneLine(expected: string): string {
  return expected
    .split('…')
    .map((text) => RegExp.escape(text))
    .join('[^\\n]*');
}
