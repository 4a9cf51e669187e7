import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Reach, type Room, rooms } from './rooms.ts';

export type Violation = { readonly file: string; readonly room: string; readonly reason: string };

const importPattern =
  /^\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
const reachPatterns: Readonly<Record<Reach, RegExp>> = {
  clock: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bset(?:Timeout|Interval)\(/,
  random:
    /\bMath\.random\(|\bcrypto\.randomUUID\(|\bimport\s*\{[^}]*\brandom(UUID|Bytes)\b[^}]*\}\s*from 'node:crypto'/,
  environment: /\bprocess\.env\b/,
};

/** What a file imports, as written in `rooms.ts`. */
export function importTargets(file: string, text: string): string[] {
  return [...text.matchAll(importPattern)].map((match) => normalize(file, match[1] ?? match[2] ?? ''));
}

function normalize(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier));
  if (specifier.startsWith('node:') || specifier.startsWith('@hybridstore/')) return specifier;
  const [scope = '', name = ''] = specifier.split('/');
  return `npm:${scope.startsWith('@') ? `${scope}/${name}` : scope}`;
}

export function roomOf(file: string): Room | undefined {
  return rooms.find((room) => room.files.test(file));
}

/** Every wall that a file goes through. A file without a room is one too. */
export function findViolations(file: string, text: string): Violation[] {
  const room = roomOf(file);
  if (!room) return [{ file, room: 'none', reason: 'stands in no room' }];
  const imports = importTargets(file, text)
    .filter((target) => !room.mayImport.some((pattern) => pattern.test(target)))
    .map((target) => `may not import ${target}`);
  const code = withoutComments(text);
  const reaches = (room.mustNotReach ?? [])
    .filter((reach) => reachPatterns[reach].test(code))
    .map((reach) => `may not reach for the ${reach}`);
  return [...imports, ...reaches].map((reason) => ({ file, room: room.name, reason }));
}

/** A text without its comments: a comment may speak of what code may not do. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

/** Source files below a folder, as paths from the repository's root. */
export function sourceFiles(root: string, folders: readonly string[], ending = '.ts'): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.parentPath.includes('node_modules'))
      .map((entry) => posix.relative(root, posix.join(entry.parentPath, entry.name))),
  );
}

export function readSource(root: string, file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
