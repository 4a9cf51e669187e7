import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HybridStoreError } from '@hybridstore/runtime';
import { readScriptArguments } from '../scripts/script-arguments.ts';
import { type BenchOptions, benchScript, chooseBenchmark, everyBenchmark, readBenchOptions } from './arguments.ts';
import { describeReport, replaceSections } from './markdown.ts';
import { prose } from './prose.ts';
import { describeMachine, formatOutput, type Report } from './report.ts';

// `npm run bench -- NAME [--json] [--markdown]`: measures, prints both sides and the goals, with --json the report as the last
// line, and with --markdown writes it into the page.

type Benchmark = (options: BenchOptions) => Promise<Report>;

const benchmarks = {
  clickbench: async (): Promise<Benchmark> => (await import('./clickbench.ts')).clickbench,
  footprint: async (): Promise<Benchmark> => (await import('./footprint.ts')).footprint,
  heavy: async (): Promise<Benchmark> => (await import('./heavy.ts')).heavy,
  'hostile-bodies': async (): Promise<Benchmark> => (await import('./hostile-bodies.ts')).hostileBodies,
  ingest: async (): Promise<Benchmark> => (await import('./ingest.ts')).ingest,
  load: async (): Promise<Benchmark> => (await import('./load.ts')).load,
  overload: async (): Promise<Benchmark> => (await import('./overload.ts')).overload,
  'parse-json': async (): Promise<Benchmark> => (await import('./parse-json.ts')).parseBodies,
  query: async (): Promise<Benchmark> => (await import('./query.ts')).query,
  'query-breakdown': async (): Promise<Benchmark> => (await import('./query-breakdown.ts')).queryBreakdown,
  reconcile: async (): Promise<Benchmark> => (await import('./reconcile.ts')).reconcile,
  start: async (): Promise<Benchmark> => (await import('./start.ts')).start,
  stream: async (): Promise<Benchmark> => (await import('./stream.ts')).stream,
} as const;
const names = [
  'clickbench',
  'footprint',
  'heavy',
  'hostile-bodies',
  'ingest',
  'load',
  'overload',
  'parse-json',
  'query',
  'query-breakdown',
  'reconcile',
  'start',
  'stream',
] as const satisfies readonly (keyof typeof benchmarks)[];

const page = fileURLToPath(new URL('../docs/operating/benchmarks.md', import.meta.url));

async function main(): Promise<void> {
  const { values, rest } = readScriptArguments(benchScript(names), process.argv.slice(2));
  const name = chooseBenchmark(rest, [...names, everyBenchmark]);
  const options = readBenchOptions(values);
  if (name === everyBenchmark) return runEach(process.argv.slice(2).filter((argument) => argument !== everyBenchmark));
  process.stderr.write(`${name} on ${describeMachine()}\n`);
  const run = await benchmarks[name]();
  const report = await run(options);
  process.stdout.write(formatOutput(report, { json: values.json ?? false }));
  if (values.markdown === true) writeSection(report);
}

/** In a process of its own: none finds what another has warmed. One that fails keeps none after it from running. */
function runEach(given: readonly string[]): void {
  const self = fileURLToPath(import.meta.url);
  const failed = names.filter((name) => {
    const { status } = spawnSync(process.execPath, [self, name, ...given], { stdio: 'inherit' });
    return status !== 0;
  });
  if (failed.length > 0) throw new HybridStoreError('internal', `failed: ${failed.join(', ')}`);
}

function writeSection(report: Report): void {
  const section = describeReport(report, prose[report.name] ?? '');
  writeFileSync(page, replaceSections(readFileSync(page, 'utf8'), new Map([[report.name, section]])));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const isUsage = error instanceof HybridStoreError && error.code === 'invalid_request';
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(isUsage ? 2 : 1);
  },
);
