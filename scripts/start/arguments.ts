import { parseArgs } from 'node:util';
import { HybridStoreError } from '@hybridstore/runtime';

type StartArguments = {
  readonly once: boolean;
  readonly empty: boolean;
  readonly watch: boolean;
  readonly help: boolean;
  readonly dataDir: string;
  readonly portOffset: number;
};

/** Highest port of the platform is 8086. */
const portOffsetMax = 65_535 - 8_086;

export const usage = `Starts the whole platform as processes of this machine, with an example.

usage: npm start -- [options]

options:
  --once             run the example, print its answers, stop
  --empty            start without the example
  --data-dir DIR     where everything is kept (default: hybridstore-data)
  --port-offset N    added to 8000 and 8080 to 8086
  --watch            restart a service when its code changes
  --help             show this

environment:
  Variables that a service reads (docs/reference/variables.md) reach it from here: JWT_EXPIRATION_HOURS=48 npm start
  CONFIG_FILE names a JSON file of them; a variable wins over it
`;

export function parseArguments(argv: readonly string[]): StartArguments {
  const { values } = readOptions(argv);
  // An empty text would be the number 0.
  const portOffset = Number(values['port-offset']?.trim() === '' ? Number.NaN : (values['port-offset'] ?? 0));
  if (!Number.isInteger(portOffset) || portOffset < 0 || portOffset > portOffsetMax) {
    throw usageError(`--port-offset: expected an integer from 0 to ${portOffsetMax}, found ${values['port-offset']}`);
  }
  return {
    once: values.once ?? false,
    empty: values.empty ?? false,
    watch: values.watch ?? false,
    help: values.help ?? false,
    dataDir: values['data-dir'] ?? 'hybridstore-data',
    portOffset,
  };
}

const knownOptions = {
  once: { type: 'boolean' },
  empty: { type: 'boolean' },
  watch: { type: 'boolean' },
  help: { type: 'boolean' },
  'data-dir': { type: 'string' },
  'port-offset': { type: 'string' },
} as const;

function readOptions(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: knownOptions });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'the arguments cannot be read';
    const known = Object.keys(knownOptions).map((name) => `--${name}`);
    throw usageError(`${reason.split('. ')[0]}; expected ${known.join(', ')}`, cause);
  }
}

function usageError(message: string, cause?: unknown): HybridStoreError {
  return new HybridStoreError('invalid_request', message, { is_usage: true }, { cause });
}

/** Whether the command line is what is wrong: exit code 2. */
export function isUsageError(error: unknown): boolean {
  return error instanceof HybridStoreError && error.details['is_usage'] === true;
}
