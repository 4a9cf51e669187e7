import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findViolations, importTargets, readSource, roomOf, sourceFiles } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const services = readdirSync(new URL('../../services', import.meta.url));
const files = sourceFiles(root, ['packages', 'operator', 'services', 'cli']).filter((file) => /\/src\//.test(file));

describe('the rooms', () => {
  it('hold every source file, and no file goes through a wall', () => {
    assert.ok(files.length > 100, `only ${files.length} source files found`);
    assert.deepEqual(
      files.flatMap((file) => findViolations(file, readSource(root, file))),
      [],
    );
  });

  const forbidden = [
    ['services/tenant-node/src/domain/x.ts', "import fastify from 'fastify';", 'may not import npm:fastify'],
    ['services/tenant-node/src/domain/x.ts', "import { readFileSync } from 'node:fs';", 'may not import node:fs'],
    ['services/tenant-node/src/domain/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    [
      'services/tenant-node/src/routes/x.ts',
      "import { Wal } from '../engine/wal/wal.ts';",
      'may not import services/tenant-node/src/engine/wal/wal.ts',
    ],
    [
      'services/cbo-engine/src/clients/x.ts',
      "import x from '../../../metadata-catalog/src/app.ts';",
      'may not import services/metadata-catalog/src/app.ts',
    ],
    ['services/cbo-engine/src/app.ts', 'const port = process.env.PORT;', 'may not reach for the environment'],
    ['operator/src/resources/x.ts', "import { Agent } from 'undici';", 'may not import npm:undici'],
    [
      'operator/src/controller/x.ts',
      "import { buildStatefulSet } from '../resources/stateful-set.ts';",
      'may not import operator/src/resources/stateful-set.ts',
    ],
    ['operator/src/tenant/decide.ts', 'setTimeout(() => {}, 1);', 'may not reach for the clock'],
    ['packages/plan/src/x.ts', "import { HttpClient } from '@hybridstore/http';", 'may not import @hybridstore/http'],
    [
      'packages/contracts/src/x.ts',
      "import { Environment } from '@hybridstore/runtime';",
      'may not import @hybridstore/runtime',
    ],
    ['packages/somewhere/x.ts', '', 'stands in no room'],
  ] as const;

  for (const [file, text, reason] of forbidden) {
    it(`refuse in ${file}: ${text || 'being there'}`, () => {
      assert.deepEqual(
        findViolations(file, text).map((violation) => violation.reason),
        [reason],
      );
    });
  }

  it('see multi-line, type-only, re-exporting and dynamic imports', () => {
    const text =
      "import {\n  a,\n} from 'fastify';\nimport type { B } from './b.ts';\nexport * from '../c.ts';\nconst d = await import('node:fs');";
    assert.deepEqual(importTargets('packages/plan/src/deep/x.ts', text), [
      'npm:fastify',
      'packages/plan/src/deep/b.ts',
      'packages/plan/src/c.ts',
      'node:fs',
    ]);
  });

  it('let a comment speak of the clock', () => {
    assert.deepEqual(
      findViolations('services/tenant-node/src/domain/x.ts', '/** never Date.now() */\n// process.env'),
      [],
    );
  });

  it('are the same in every service', () => {
    for (const service of services)
      assert.equal(roomOf(`services/${service}/src/domain/x.ts`)?.name, `${service}/domain`);
  });
});
