import { parseArgs } from 'node:util';
import { HybridStoreError } from '@hybridstore/runtime';

export type StartArguments = {
  readonly once: boolean;
  readonly empty: boolean;
  readonly watch: boolean;
  readonly help: boolean;
  readonly dataDir: string;
  readonly portOffset: number;
};

/** Highest port of the platform is 8086. */
const portOffsetMax = 65_535 - 8_086;

export const usage = `usage: npm start -- [options]
  --once             run the example, print its answers, stop
  --empty            start without the example
  --data-dir DIR     where everything is kept (default: hybridstore-data)
  --port-offset N    added to 8000 and 8080 to 8086
  --watch            restart a service when its code changes
`;

export function parseArguments(argv: readonly string[]): StartArguments {
  const { values } = readOptions(argv);
  const portOffset = Number(values['port-offset'] ?? 0);
  if (!Number.isInteger(portOffset) || portOffset < 0 || portOffset > portOffsetMax) {
    throw new HybridStoreError(
      'invalid_request',
      `--port-offset: expected an integer from 0 to ${portOffsetMax}, found ${values['port-offset']}`,
      { field: '--port-offset' },
    );
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

function readOptions(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        once: { type: 'boolean' },
        empty: { type: 'boolean' },
        watch: { type: 'boolean' },
        help: { type: 'boolean' },
        'data-dir': { type: 'string' },
        'port-offset': { type: 'string' },
      },
    });
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      cause instanceof Error ? cause.message : 'the arguments cannot be read',
      {},
      { cause },
    );
  }
}
