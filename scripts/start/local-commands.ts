import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EmbeddedPlatformOptions } from '@hybridstore/embedded-kubernetes';

/** Packages whose code runs in services. */
const sharedPackages = ['contracts', 'engine', 'http', 'plan', 'runtime', 'sql'];

/**
 * Images as local commands: the services image becomes the service that its first argument names, run from its source
 * by this very Node. With `isWatching` a process starts again when code below its service or the shared packages changes.
 */
export function localCommands(root: string, isWatching: boolean): EmbeddedPlatformOptions['commandOf'] {
  return (image, [service, ...rest]) => {
    if (!/^hybridstore\/services(:|$)/.test(image) || service === undefined) return undefined;
    const source = join(root, 'services', service, 'src', 'main.ts');
    return { file: process.execPath, args: [...(isWatching ? watchArguments(root, service) : []), source, ...rest] };
  };
}

/** By path, not by what is imported: a service's children load files that it does not. */
function watchArguments(root: string, service: string): readonly string[] {
  const folders = [`services/${service}/src`, ...sharedPackages.map((name) => `packages/${name}/src`)];
  return [
    '--watch',
    '--watch-preserve-output',
    ...folders.map((folder) => `--watch-path=${join(root, folder)}`),
    `--import=${pathToFileURL(join(root, 'scripts/start/hide-watch.ts'))}`,
  ];
}
