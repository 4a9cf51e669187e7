import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A file whose text follows from sources: `path` is relative to the repository's root. */
export type GeneratedFile = { readonly path: string; readonly text: string };

/** Paths of the files that do not hold the text they should. */
export function findStale(root: string, files: readonly GeneratedFile[]): readonly string[] {
  return files.filter((file) => readText(join(root, file.path)) !== file.text).map((file) => file.path);
}

export function writeGenerated(root: string, files: readonly GeneratedFile[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    writeFileSync(join(root, file.path), file.text);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
