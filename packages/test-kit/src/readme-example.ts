import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

/** The first `ts` block of a page: the example that its reader copies. */
export function readExample(page: URL): string {
  const [, example] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(page, 'utf8')) ?? [];
  if (example === undefined) throw new Error(`${page.pathname} has no example in TypeScript`);
  return example;
}

/** Runs the example of a page as a module of its own, and gives what it exports. It imports packages by name only. */
export async function runExample(page: URL): Promise<Readonly<Record<string, unknown>>> {
  // A module that is its own address resolves no names of packages, so they are resolved from here.
  const code = stripTypeScriptTypes(readExample(page)).replaceAll(
    /(\bfrom |^import )'([^'.][^']*)'/gm,
    (_, word: string, name: string) => `${word}'${import.meta.resolve(name)}'`,
  );
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}
