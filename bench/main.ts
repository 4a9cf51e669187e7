import { HybridStoreError } from '@hybridstore/runtime';
import { readScriptArguments } from '../scripts/script-arguments.ts';
import { type BenchOptions, benchScript, chooseBenchmark, readBenchOptions } from './arguments.ts';
import { describeMachine, formatOutput, type Report } from './report.ts';

// `npm run bench -- NAME [--json]`: measures, prints both sides and the goals, and with --json the report as the last line.

type Benchmark = (options: BenchOptions) => Promise<Report>;

const benchmarks = {
  clickbench: async (): Promise<Benchmark> => (await import('./clickbench.ts')).clickbench,
  footprint: async (): Promise<Benchmark> => (await import('./footprint.ts')).footprint,
  heavy: async (): Promise<Benchmark> => (await import('./heavy.ts')).heavy,
  'hostile-bodies': async (): Promise<Benchmark> => (await import('./hostile-bodies.ts')).hostileBodies,
  ingest: async (): Promise<Benchmark> => (await import('./ingest.ts')).ingest,
  overload: async (): Promise<Benchmark> => (await import('./overload.ts')).overload,
  'parse-json': async (): Promise<Benchmark> => (await import('./parse-json.ts')).parseBodies,
  query: async (): Promise<Benchmark> => (await import('./query.ts')).query,
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
  'overload',
  'parse-json',
  'query',
  'reconcile',
  'start',
  'stream',
] as const satisfies readonly (keyof typeof benchmarks)[];

async function main(): Promise<void> {
  const { values, rest } = readScriptArguments(benchScript(names), process.argv.slice(2));
  const name = chooseBenchmark(rest, names);
  const options = readBenchOptions(values);
  process.stderr.write(`${name} on ${describeMachine()}\n`);
  const run = await benchmarks[name]();
  process.stdout.write(formatOutput(await run(options), { json: values.json ?? false }));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const isUsage = error instanceof HybridStoreError && error.code === 'invalid_request';
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(isUsage ? 2 : 1);
  },
);
