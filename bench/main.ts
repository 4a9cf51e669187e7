import { describeMachine, formatReport, type Report } from './report.ts';

type Benchmark = () => Promise<Report>;

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  ingest: async () => (await import('./ingest.ts')).ingest,
  query: async () => (await import('./query.ts')).query,
  reconcile: async () => (await import('./reconcile.ts')).reconcile,
};

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const [name = ''] = names;
const load = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (!load || names.length !== 1) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json]   with NAME one of ${Object.keys(benchmarks).join(', ')}\n`,
  );
  process.exit(2);
}

process.stderr.write(`${name} on ${describeMachine()}\n`);
const run = await load();
const report = await run();
process.stdout.write(`${formatReport(report)}\n`);
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
