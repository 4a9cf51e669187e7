import { HybridStoreError } from '@hybridstore/runtime';
import { readScriptArguments } from '../scripts/script-arguments.ts';
import { benchScript, chooseBenchmark } from './arguments.ts';
import { describeMachine, formatOutput, type Report } from './report.ts';

// `npm run bench -- NAME [--json]`: measures, prints both sides and the goals, and with --json the report as the last line.

type Benchmark = () => Promise<Report>;

const benchmarks = {
  heavy: async (): Promise<Benchmark> => (await import('./heavy.ts')).heavy,
  'hostile-bodies': async (): Promise<Benchmark> => (await import('./hostile-bodies.ts')).hostileBodies,
  ingest: async (): Promise<Benchmark> => (await import('./ingest.ts')).ingest,
  load: async (): Promise<Benchmark> => (await import('./load.ts')).load,
  'parse-json': async (): Promise<Benchmark> => (await import('./parse-json.ts')).parseBodies,
  query: async (): Promise<Benchmark> => (await import('./query.ts')).query,
  reconcile: async (): Promise<Benchmark> => (await import('./reconcile.ts')).reconcile,
  stream: async (): Promise<Benchmark> => (await import('./stream.ts')).stream,
} as const;
const names = [
  'heavy',
  'hostile-bodies',
  'ingest',
  'load',
  'parse-json',
  'query',
  'reconcile',
  'stream',
] as const satisfies readonly (keyof typeof benchmarks)[];

async function main(): Promise<void> {
  const { values, rest } = readScriptArguments(benchScript(names), process.argv.slice(2));
  const name = chooseBenchmark(rest, names);
  process.stderr.write(`${name} on ${describeMachine()}\n`);
  const run = await benchmarks[name]();
  process.stdout.write(formatOutput(await run(), { json: values.json ?? false }));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const isUsage = error instanceof HybridStoreError && error.code === 'invalid_request';
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(isUsage ? 2 : 1);
  },
);
