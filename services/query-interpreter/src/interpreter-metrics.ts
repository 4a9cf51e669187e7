import { Counter, type Registry } from '@hybridstore/runtime';

export type InterpreterMetrics = { readonly countStale: () => void };

export function createInterpreterMetrics(registry: Registry): InterpreterMetrics {
  const stale = new Counter({
    name: 'hybridstore_interpreter_stale_schemas_total',
    help: 'Statements read with the schemas of before, because the metadata catalog gave no answer',
    registers: [registry],
  });
  return { countStale: () => stale.inc() };
}
