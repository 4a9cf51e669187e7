import { HybridStoreError } from '@hybridstore/runtime';
import type { Script, ScriptOptions } from '../scripts/script-arguments.ts';

const options = {
  json: { type: 'boolean', does: 'print the report as JSON, as the last line' },
} as const satisfies ScriptOptions;

export function benchScript(names: readonly string[]): Script<typeof options> {
  return {
    call: 'npm run bench --',
    does: 'Measures one thing against its goal and against what others do, and prints both sides.',
    options,
    rest: { name: 'NAME', does: `one of ${names.join(', ')}` },
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
