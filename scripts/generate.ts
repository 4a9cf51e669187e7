import { fileURLToPath } from 'node:url';
import { buildGeneratedFiles } from './generate/all.ts';
import { findStale, writeGenerated } from './generate/generated-file.ts';
import { readScriptArguments } from './script-arguments.ts';

// `npm run generate` writes every file that follows from the contracts; with --check it only says which are stale.
const { values } = readScriptArguments(
  {
    call: 'npm run generate --',
    does: 'Writes every file that follows from the code: definitions, OpenAPI, the chart and the reference.',
    options: { check: { type: 'boolean', does: 'write nothing, name the files that are stale' } },
  },
  process.argv.slice(2),
);
const root = fileURLToPath(new URL('..', import.meta.url));
const files = buildGeneratedFiles();

if (values.check) {
  const stale = findStale(root, files);
  for (const path of stale) process.stderr.write(`stale: ${path} (run npm run generate)\n`);
  process.exit(stale.length === 0 ? 0 : 1);
}
writeGenerated(root, files);
process.stdout.write(`${files.length} files generated\n`);
