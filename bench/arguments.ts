import { parseArgs } from 'node:util';
import { HybridStoreError } from '@hybridstore/runtime';

export type BenchArguments<Name extends string> = { readonly name: Name; readonly json: boolean };

/** `NAME [--json]` with NAME one of `names`. Throws `invalid_request` with what was expected and found. */
export function parseBenchArguments<Name extends string>(
  argv: readonly string[],
  names: readonly Name[],
): BenchArguments<Name> {
  const usage = `usage: npm run bench -- NAME [--json], with NAME one of ${names.join(', ')}`;
  const { values, positionals } = readArguments(argv, usage);
  const [given, ...more] = positionals;
  const name = names.find((candidate) => candidate === given);
  if (name === undefined || more.length > 0)
    throw new HybridStoreError(
      'invalid_request',
      `NAME: expected one of ${names.join(', ')}, found ${positionals.join(' ') || 'none'}; ${usage}`,
      { field: 'NAME' },
    );
  return { name, json: values.json === true };
}

function readArguments(argv: readonly string[], usage: string) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: { json: { type: 'boolean' } } });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('. ')[0] : 'the arguments cannot be read';
    throw new HybridStoreError('invalid_request', `${reason}; ${usage}`, {}, { cause });
  }
}
