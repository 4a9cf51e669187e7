import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HybridStoreError, ofGroupAndOthers, withholdFromNewFiles } from '@hybridstore/runtime';
import { writeAddresses } from './start/addresses-file.ts';
import { isUsageError, parseArguments, usage } from './start/arguments.ts';
import { describeTightened, tightenDataFolder } from './start/data-folder.ts';
import { lockFolder, requireFreeFolder } from './start/folder-lock.ts';
import { hostPorts, requireFreePorts } from './start/host-ports.ts';
import { readJwtSecret } from './start/jwt-secret.ts';
import type { LocalPlatform, PlatformOptions } from './start/platform.ts';
import { readServiceVariables } from './start/service-variables.ts';
import { Steps } from './start/steps.ts';

// `npm start`: the whole platform as processes of this machine. What is wrong with the command line, the variables, the
// folder or the ports is said before anything is written or begun.

const root = fileURLToPath(new URL('..', import.meta.url));
// Most of the code is loaded below, and compiled once.
enableCompileCache(resolve(root, 'node_modules/.cache/node'));
const say = (text: string) => void process.stdout.write(text);

/** Resolves to whether the platform stays up. */
async function main(): Promise<boolean> {
  const { help, once, empty: isEmpty, watch: isWatching, dataDir, portOffset } = parseArguments(process.argv.slice(2));
  if (help) {
    say(usage);
    return false;
  }
  const jwtSecret = readJwtSecret(process.env);
  const variables = readServiceVariables(process.env);
  const folder = resolve(dataDir);
  // Of the whole platform: its services are children of this process.
  withholdFromNewFiles(ofGroupAndOthers);
  await takeFolderAndPorts(folder, portOffset);
  say(`HybridStore in ${folder}\n${describeTightened(tightenDataFolder(folder))}`);
  for (const note of variables.notes) say(`note: ${note}\n`);
  const steps = new Steps(say);
  const platform = await startPlatform({ root, folder, portOffset, isEmpty, isWatching, jwtSecret, variables, steps });
  if (once) await platform.stop();
  return !once;
}

async function takeFolderAndPorts(folder: string, portOffset: number): Promise<void> {
  requireFreeFolder(folder);
  await requireFreePorts(hostPorts(portOffset));
  const lock = lockFolder(folder);
  process.once('exit', () => lock.release());
}

/** Starts everything, shows the example and says where all is; what failed on the way is stopped again. */
async function startPlatform(options: PlatformOptions): Promise<LocalPlatform> {
  // Loaded only now: a refusal should not wait for all of the platform's code.
  const { LocalPlatform } = await import('./start/platform.ts');
  const { describeAddresses, readAdministrator } = await import('./start/publish.ts');
  const { runExample } = await import('./start/example.ts');
  const platform = await LocalPlatform.open(options);
  // From here on processes run that must not outlive this one.
  stopOnSignals(() => platform.stop());
  try {
    await platform.start(options);
    const addresses = await describeAddresses(platform.embedded, options);
    if (!options.isEmpty) {
      say('\n');
      const credentials = await readAdministrator(platform.embedded.kube);
      await runExample({ gateway: addresses.gateway, credentials }, say);
    }
    say(`\nready  gateway ${addresses.gateway}  endpoints ${await writeAddresses(options.folder, addresses)}\n`);
    return platform;
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      say('\nstopping (once more to end at once)\n');
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

/** One line for what people can mend; the stack only of what they cannot. */
function describe(error: unknown): string {
  if (error instanceof HybridStoreError && error.code !== 'internal') return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main().then(
  (staysUp) => {
    if (!staysUp) process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`cannot start: ${describe(error)}\n`);
    process.exit(isUsageError(error) ? 2 : 1);
  },
);
