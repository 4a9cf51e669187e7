import { join } from 'node:path';
import type { EmbeddedPlatformOptions } from '@hybridstore/operator';

/**
 * Images as local commands: `node services/x/src/main.js` of the services image is the source of the same name, run by
 * this very Node. With `isWatching` a process starts again when its code changes.
 */
export function localCommands(root: string, isWatching: boolean): EmbeddedPlatformOptions['commandOf'] {
  return (image, [program, entry, ...rest]) => {
    if (!/^hybridstore\/services(:|$)/.test(image) || program !== 'node' || entry === undefined) return undefined;
    const source = join(root, entry.replace(/\.js$/, '.ts'));
    return {
      file: process.execPath,
      args: [...(isWatching ? ['--watch', '--watch-preserve-output'] : []), source, ...rest],
    };
  };
}
