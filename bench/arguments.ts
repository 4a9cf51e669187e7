import { HybridStoreError } from '@hybridstore/runtime';
import type { Script, ScriptOptions } from '../scripts/script-arguments.ts';

const options = {
  json: { type: 'boolean', does: 'print the report as JSON, as the last line' },
  markdown: { type: 'boolean', does: 'write the figures into docs/operating/benchmarks.md' },
  rows: { type: 'string', value: 'N', does: 'of clickbench: rows that are made and asked (3000000)' },
  seconds: { type: 'string', value: 'N', does: 'of footprint and overload: how long each is measured' },
  tenants: { type: 'string', value: 'N', does: 'of footprint: idle tenants (1)' },
  sources: { type: 'string', value: 'N', does: 'of start: sources of the node that is restarted (1000)' },
} as const satisfies ScriptOptions;

/** Numbers that a benchmark may be given; absent: its own. */
export type BenchOptions = { readonly [Name in 'rows' | 'seconds' | 'tenants' | 'sources']?: number };

/** Throws `invalid_request` that names an option that is no positive integer. */
export function readBenchOptions(values: Readonly<Record<string, string | boolean | undefined>>): BenchOptions {
  const read = (name: keyof BenchOptions): BenchOptions => {
    const text = values[name];
    if (text === undefined) return {};
    if (typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text)) return { [name]: Number(text) };
    throw new HybridStoreError('invalid_request', `--${name}: expected a positive integer, found ${text}`, {
      field: `--${name}`,
    });
  };
  return { ...read('rows'), ...read('seconds'), ...read('tenants'), ...read('sources') };
}

/** Each benchmark, one after the other. */
export const everyBenchmark = 'all';

export function benchScript(names: readonly string[]): Script<typeof options> {
  return {
    call: 'npm run bench --',
    does: 'Measures one thing against its goal and against what others do, and prints both sides.',
    options,
    rest: { name: 'NAME', does: `one of ${names.join(', ')}; or ${everyBenchmark}` },
  };
}

/** The one benchmark that was asked for. Throws `invalid_request` with what was expected and found. */
export function chooseBenchmark<Name extends string>(given: readonly string[], names: readonly Name[]): Name {
  const name = names.find((candidate) => candidate === given[0]);
  if (name !== undefined && given.length === 1) return name;
  throw new HybridStoreError(
    'invalid_request',
    `NAME: expected one of ${names.join(', ')}, found ${given.join(' ') || 'none'}`,
    { field: 'NAME' },
  );
}
