import { globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

type Action = { readonly add?: { readonly path: string }; readonly remove?: { readonly path: string } };

/** Live files of the one table below a data folder, by replaying its Delta log without any code of the engine. A log with a checkpoint is not expected: a load makes few commits. */
export function readLiveFiles(folder: string, source = 'flights'): string[] {
  const [log, ...others] = globSync(`volumes/**/tables/${source}/*/_delta_log`, { cwd: folder });
  if (log === undefined || others.length > 0)
    throw new Error(`expected one table below ${folder}, found ${log === undefined ? 0 : others.length + 1}`);
  const live = new Set<string>();
  for (const name of readdirSync(join(folder, log))
    .filter((one) => one.endsWith('.json'))
    .sort()) {
    for (const line of readFileSync(join(folder, log, name), 'utf8')
      .split('\n')
      .filter((one) => one !== '')) {
      const { add, remove } = JSON.parse(line) as Action; // of a log that this benchmark had written
      if (add) live.add(add.path);
      if (remove) live.delete(remove.path);
    }
  }
  return [...live].map((path) => join(folder, dirname(log), path));
}
