import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readExample, runExample } from '../src/readme-example.ts';
import { createTemporaryFolder } from '../src/temporary-folder.ts';

async function withPage(text: string, work: (page: URL) => void | Promise<void>): Promise<void> {
  using folder = createTemporaryFolder('page');
  const page = pathToFileURL(join(folder.path, 'README.md'));
  writeFileSync(page, text);
  await work(page);
}

describe('the example of a page', () => {
  it('runs with the packages that it names', () =>
    withPage(
      "# x\n\n```sh\nls\n```\n\n```ts\nimport { errorCodes } from '@hybridstore/contracts';\nimport { join } from 'node:path';\nexport const first: string = join('a', errorCodes[0] ?? '');\n```\n\n```ts\nthrow 1;\n```\n",
      async (page) => assert.deepEqual({ ...(await runExample(page)) }, { first: 'a/invalid_request' }),
    ));

  it('is missed by name', () =>
    withPage('# x\n', (page) => assert.throws(() => readExample(page), /README\.md has no example in TypeScript/)));
});
