import { join } from 'node:path';
import type { EmbeddedPlatformOptions } from '@hybridstore/operator';

/**
 * Images as local commands: the services image becomes the service that its first argument names, run from its source
 * by this very Node. With `isWatching` a process starts again when its code changes.
 */
export function localCommands(root: string, isWatching: boolean): EmbeddedPlatformOptions['commandOf'] {
  return (image, [service, ...rest]) => {
    if (!/^hybridstore\/services(:|$)/.test(image) || service === undefined) return undefined;
    const source = join(root, 'services', service, 'src', 'main.ts');
    return {
      file: process.execPath,
      args: [...(isWatching ? ['--watch', '--watch-preserve-output'] : []), source, ...rest],
    };
  };
}
