import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findViolations, importTargets, readSource, roomOf, sourceFiles } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const services = readdirSync(new URL('../../services', import.meta.url));
const files = sourceFiles(root, ['packages', 'operator', 'services', 'cli', 'scripts', 'bench']).filter(
  (file) => !/(^|\/)test\//.test(file),
);

describe('the rooms', () => {
  it('hold every source file, and no file goes through a wall', () => {
    assert.ok(files.length > 100, `only ${files.length} source files found`);
    assert.deepEqual(
      files.flatMap((file) => findViolations(file, readSource(root, file))),
      [],
    );
  });

  const forbidden = [
    ['packages/engine/src/x.ts', "import { HttpClient } from '@hybridstore/http';", 'may not import @hybridstore/http'],
    ['packages/engine/src/x.ts', "import fastify from 'fastify';", 'may not import npm:fastify'],
    [
      'packages/engine/src/x.ts',
      "import { routeWrite } from '../../../services/tenant-node/src/routes/write.ts';",
      'may not import services/tenant-node/src/routes/write.ts',
    ],
    [
      'packages/engine/src/x.ts',
      "import { ExecutorPool } from '../../../services/tenant-node/src/execute/executor-pool.ts';",
      'may not import services/tenant-node/src/execute/executor-pool.ts',
    ],
    [
      'packages/engine/src/segment/x.ts',
      "import { spawn } from 'node:child_process';",
      'may not import node:child_process',
    ],
    [
      'services/tenant-node/src/execute/x.ts',
      "import { spawn } from 'node:child_process';",
      'may not import node:child_process',
    ],
    ['packages/http/src/x.ts', "import { fork } from 'node:child_process';", 'may not import node:child_process'],
    ['packages/runtime/src/x.ts', "import { spawn } from 'node:child_process';", 'may not import node:child_process'],
    [
      'packages/engine/src/batch/x.ts',
      "import { BatchAppender } from '../duckdb/batch-appender.ts';",
      'may not import packages/engine/src/duckdb/batch-appender.ts',
    ],
    ['packages/engine/src/x.ts', "import duckdb from '@duckdb/node-api';", 'may not import npm:@duckdb/node-api'],
    [
      'packages/engine/src/duckdb/x.ts',
      "import { LogWriter } from '../wal/log-writer.ts';",
      'may not import packages/engine/src/wal/log-writer.ts',
    ],
    [
      'services/tenant-node/src/execute/x.ts',
      "import { DuckDBInstance } from '@duckdb/node-api';",
      'may not import npm:@duckdb/node-api',
    ],
    [
      'services/tenant-node/src/execute/x.ts',
      "import { ChildSession } from './child/child-session.ts';",
      'may not import services/tenant-node/src/execute/child/child-session.ts',
    ],
    [
      'services/tenant-node/src/execute/child/x.ts',
      "import { createEngine } from '@hybridstore/engine';",
      'may not import @hybridstore/engine',
    ],
    [
      'services/tenant-node/src/execute/child/x.ts',
      "import { readFile } from 'node:fs/promises';",
      'may not import node:fs/promises',
    ],
    [
      'services/tenant-node/src/execute/child/x.ts',
      "import { QueryRunner } from '../../domain/query-runner.ts';",
      'may not import services/tenant-node/src/domain/query-runner.ts',
    ],
    [
      'packages/engine/src/store/x.ts',
      "import type { WriteAheadLog } from '../wal/write-ahead-log.ts';",
      'may not import packages/engine/src/wal/write-ahead-log.ts',
    ],
    [
      'packages/engine/src/wal/x.ts',
      "import { TableLog } from '../table-log/table-log.ts';",
      'may not import packages/engine/src/table-log/table-log.ts',
    ],
    ['packages/engine/src/wal/x.ts', "import { open } from 'node:fs/promises';", 'may not import node:fs/promises'],
    ['packages/engine/src/wal/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    ['packages/plan/src/x.ts', "import { HttpClient } from '@hybridstore/http';", 'may not import @hybridstore/http'],
    [
      'packages/contracts/src/x.ts',
      "import { Environment } from '@hybridstore/runtime';",
      'may not import @hybridstore/runtime',
    ],
    [
      'packages/sql/src/bind/x.ts',
      "import { parse } from '@polyglot-sql/sdk';",
      'may not import npm:@polyglot-sql/sdk',
    ],
    [
      'packages/controller-runtime/src/x.ts',
      "import { tenants } from '../../../operator/src/resources/custom-resources.ts';",
      'may not import operator/src/resources/custom-resources.ts',
    ],
    [
      'packages/controller-runtime/src/x.ts',
      "import { tenantResource } from '@hybridstore/contracts';",
      'may not import @hybridstore/contracts',
    ],
    [
      'packages/controller-runtime/src/kube/api-server/x.ts',
      "import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';",
      'may not import @hybridstore/embedded-kubernetes',
    ],
    [
      'operator/src/app.ts',
      "import { EmbeddedPlatform } from '@hybridstore/embedded-kubernetes';",
      'may not import @hybridstore/embedded-kubernetes',
    ],
    [
      'operator/src/tenant/decide.ts',
      "import type { Kube } from '@hybridstore/controller-runtime';",
      'may not import @hybridstore/controller-runtime',
    ],
    [
      'operator/src/scaling/decide-size.ts',
      "import { HttpClient } from '@hybridstore/http';",
      'may not import @hybridstore/http',
    ],
    [
      'operator/src/tenant/decide.ts',
      "import { observeTenant } from './observe.ts';",
      'may not import operator/src/tenant/observe.ts',
    ],
    [
      'operator/src/data-source/decide.ts',
      "import type { NodePort } from '../ports.ts';",
      'may not import operator/src/ports.ts',
    ],
    [
      'operator/src/scaling/decide-size.ts',
      "import { ScrapeSource } from './scrape-source.ts';",
      'may not import operator/src/scaling/scrape-source.ts',
    ],
    ['operator/src/tenant/decide.ts', 'setTimeout(() => {}, 1);', 'may not reach for the clock'],
    [
      'packages/controller-runtime/src/reconcile/x.ts',
      "import { ApiServerKube } from '../kube/api-server/api-server-kube.ts';",
      'may not import packages/controller-runtime/src/kube/api-server/api-server-kube.ts',
    ],
    [
      'packages/controller-runtime/src/kube/x.ts',
      "import { Controller } from '../controller/controller.ts';",
      'may not import packages/controller-runtime/src/controller/controller.ts',
    ],
    [
      'packages/controller-runtime/src/controller/x.ts',
      "import { KubeConfig } from '@kubernetes/client-node';",
      'may not import npm:@kubernetes/client-node',
    ],
    ['packages/controller-runtime/src/controller/x.ts', 'setTimeout(() => {}, 1);', 'may not reach for the clock'],
    ...['api', 'apply', 'schema', 'storage', 'controllers', 'http'].map(
      (folder) =>
        [
          `packages/embedded-kubernetes/src/${folder}/x.ts`,
          "import { spawn } from 'node:child_process';",
          'may not import node:child_process',
        ] as const,
    ),
    [
      'packages/embedded-kubernetes/src/storage/x.ts',
      "import { writeFileSync } from 'node:fs';",
      'may not import node:fs',
    ],
    [
      'packages/embedded-kubernetes/src/api/x.ts',
      "import { startHttpFront } from '../http/http-server.ts';",
      'may not import packages/embedded-kubernetes/src/http/http-server.ts',
    ],
    [
      'packages/embedded-kubernetes/src/api/x.ts',
      "import { Kubelet } from '../kubelet/kubelet.ts';",
      'may not import packages/embedded-kubernetes/src/kubelet/kubelet.ts',
    ],
    ['packages/embedded-kubernetes/src/http/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    [
      'packages/embedded-kubernetes/src/kubelet/x.ts',
      "import { tenants } from '@hybridstore/operator';",
      'may not import @hybridstore/operator',
    ],
    [
      'cli/src/connection.ts',
      "import { KubeConfig } from '@kubernetes/client-node';",
      'may not import npm:@kubernetes/client-node',
    ],
    ['operator/src/resources/x.ts', "import { Agent } from 'undici';", 'may not import npm:undici'],
    [
      'services/tenant-node/src/routes/x.ts',
      "import type { Engine } from '@hybridstore/engine';",
      'may not import @hybridstore/engine',
    ],
    [
      'services/tenant-node/src/routes/x.ts',
      "import { compileSearch } from '@hybridstore/sql/dsl';",
      'may not import @hybridstore/sql/dsl',
    ],
    [
      'services/cbo-engine/src/routes/x.ts',
      "import { checkPlan } from '@hybridstore/plan';",
      'may not import @hybridstore/plan',
    ],
    [
      'services/tenant-node/src/domain/verbs/x.ts',
      "import type { CallContext } from '@hybridstore/http';",
      'may not import @hybridstore/http',
    ],
    ['services/tenant-node/src/domain/x.ts', "import fastify from 'fastify';", 'may not import npm:fastify'],
    ['services/tenant-node/src/domain/x.ts', "import { readFileSync } from 'node:fs';", 'may not import node:fs'],
    ['services/tenant-node/src/domain/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    [
      'services/tenant-node/src/membership/x.ts',
      "import { createApp } from '../app.ts';",
      'may not import services/tenant-node/src/app.ts',
    ],
    ['services/auth-gateway/src/tokens/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    [
      'services/auth-gateway/src/tokens/x.ts',
      "import { SqliteUserStore } from '../store/sqlite-user-store.ts';",
      'may not import services/auth-gateway/src/store/sqlite-user-store.ts',
    ],
    [
      'services/auth-gateway/src/clients/x.ts',
      "import { SqliteUserStore } from '../store/sqlite-user-store.ts';",
      'may not import services/auth-gateway/src/store/sqlite-user-store.ts',
    ],
    [
      'services/auth-gateway/src/clients/x.ts',
      "import replyFrom from '@fastify/reply-from';",
      'may not import npm:@fastify/reply-from',
    ],
    [
      'services/auth-gateway/src/routes/x.ts',
      "import { UndiciForwarder } from '../clients/undici-forwarder.ts';",
      'may not import services/auth-gateway/src/clients/undici-forwarder.ts',
    ],
    [
      'services/auth-gateway/src/ports.ts',
      "import type { FastifyReply } from 'fastify';",
      'may not import npm:fastify',
    ],
    ['services/cbo-engine/src/domain/x.ts', "import { Cron } from 'croner';", 'may not import npm:croner'],
    [
      'services/cbo-engine/src/domain/x.ts',
      "import { Segment } from '@hybridstore/engine';",
      'may not import @hybridstore/engine',
    ],
    [
      'services/operation-node/src/coordinate/x.ts',
      "import { HttpExecutor } from '../clients/http-executor.ts';",
      'may not import services/operation-node/src/clients/http-executor.ts',
    ],
    ['services/operation-node/src/coordinate/x.ts', 'setTimeout(() => {}, 1);', 'may not reach for the clock'],
    [
      'services/operation-node/src/config.ts',
      "import { createApp } from './app.ts';",
      'may not import services/operation-node/src/app.ts',
    ],
    [
      'services/metadata-catalog/src/app.ts',
      "import { SqliteCatalogStore } from './store/sqlite-catalog-store.ts';",
      'may not import services/metadata-catalog/src/store/sqlite-catalog-store.ts',
    ],
    [
      'services/metadata-catalog/src/routes/x.ts',
      "import type { App } from '../app.ts';",
      'may not import services/metadata-catalog/src/app.ts',
    ],
    [
      'services/metadata-catalog/src/routes/x.ts',
      "import type { CatalogConfig } from '../config.ts';",
      'may not import services/metadata-catalog/src/config.ts',
    ],
    [
      'services/metadata-catalog/src/main.ts',
      "import { routeStats } from './routes/stats.ts';",
      'may not import services/metadata-catalog/src/routes/stats.ts',
    ],
    [
      'services/metadata-catalog/src/metrics.ts',
      "import { createServer } from '@hybridstore/http';",
      'may not import @hybridstore/http',
    ],
    [
      'services/monitoring/src/store/x.ts',
      "import { HttpProbe } from '../clients/http-probe.ts';",
      'may not import services/monitoring/src/clients/http-probe.ts',
    ],
    ['services/monitoring/src/store/x.ts', 'const now = Date.now();', 'may not reach for the clock'],
    [
      'services/monitoring/src/domain/x.ts',
      "import { printTree } from '@hybridstore/plan';",
      'may not import @hybridstore/plan',
    ],
    [
      'services/metadata-catalog/src/store/x.ts',
      "import { routeCatalog } from '../routes/catalog.ts';",
      'may not import services/metadata-catalog/src/routes/catalog.ts',
    ],
    [
      'services/cbo-engine/src/clients/x.ts',
      "import x from '../../../metadata-catalog/src/app.ts';",
      'may not import services/metadata-catalog/src/app.ts',
    ],
    ['services/cbo-engine/src/app.ts', 'const port = process.env.PORT;', 'may not reach for the environment'],
    ...[
      'cli/src/load/x.ts',
      'cli/src/output/x.ts',
      'cli/src/resources/x.ts',
      'cli/src/commands/x.ts',
      'cli/src/connection.ts',
      'cli/src/command-line.ts',
    ].map(
      (file) =>
        [file, "import { tenants } from '@hybridstore/operator';", 'may not import @hybridstore/operator'] as const,
    ),
    [
      'cli/src/load/x.ts',
      "import { formatTable } from '../output/table.ts';",
      'may not import cli/src/output/table.ts',
    ],
    ['cli/src/load/x.ts', "import { HttpClient } from '@hybridstore/http';", 'may not import @hybridstore/http'],
    [
      'cli/src/commands/x.ts',
      "import { EmbeddedPlatform } from '@hybridstore/embedded-kubernetes';",
      'may not import @hybridstore/embedded-kubernetes',
    ],
    ['cli/src/commands/x.ts', "import { parse } from 'csv-parse';", 'may not import npm:csv-parse'],
    ['cli/src/commands/x.ts', 'const home = process.env.HOME;', 'may not reach for the environment'],
    [
      'scripts/cluster/x.ts',
      "import { startOperator } from '@hybridstore/operator';",
      'may not import @hybridstore/operator',
    ],
    [
      'scripts/generate/x.ts',
      "import { buildStatefulSet } from '../../operator/src/resources/stateful-set.ts';",
      'may not import operator/src/resources/stateful-set.ts',
    ],
    ['scripts/build.ts', "import { services } from '@hybridstore/contracts';", 'may not import @hybridstore/contracts'],
    ['scripts/x.ts', '', 'stands in no room'],
    [
      'bench/query.ts',
      "import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';",
      'may not import @hybridstore/embedded-kubernetes',
    ],
    [
      'scripts/start/x.ts',
      "import { createApp } from '../../services/tenant-node/src/app.ts';",
      'may not import services/tenant-node/src/app.ts',
    ],
    [
      'bench/x.ts',
      "import { createApp } from '../services/tenant-node/src/app.ts';",
      'may not import services/tenant-node/src/app.ts',
    ],
    ['packages/somewhere/x.ts', '', 'stands in no room'],
    ['services/tenant-node/src/helpers/x.ts', '', 'stands in no room'],
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
