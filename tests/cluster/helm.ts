import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const chart = new URL('../../charts/hybridstore', import.meta.url).pathname;
const values = process.env['HYBRIDSTORE_CHART_VALUES'] ?? '';

/** The release as the suite installs it, with more settings behind its own. */
export async function helm(
  verb: 'install' | 'upgrade',
  namespace: string,
  ...settings: readonly string[]
): Promise<void> {
  const given = values === '' ? [] : ['--values', values];
  const release = [verb, 'hybridstore', chart, '--namespace', namespace];
  await run('helm', [...release, '--wait', '--timeout', '120s', ...given, ...settings]);
}
