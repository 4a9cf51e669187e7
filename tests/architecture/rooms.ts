/**
 * The rooms of the code base: which files stand in each, and what each may import. A file belongs to the first room whose
 * pattern matches it. A wall is moved here, in the same commit as its ADR, or not at all.
 *
 * Import targets are written as `npm:<package>`, `node:<module>`, `@hybridstore/<package>` or a path in the repository.
 */
export type Room = {
  readonly name: string;
  readonly files: RegExp;
  readonly mayImport: readonly RegExp[];
  /** Globals that the room must take as arguments instead. */
  readonly mustNotReach?: readonly Reach[];
};
/** `clock`: Date.now and timers; `environment`: process.env. */
export type Reach = 'clock' | 'random' | 'environment';

const pureReach: readonly Reach[] = ['clock', 'random', 'environment'];
const noEnvironment: readonly Reach[] = ['environment'];

const inside = (folder: string): RegExp => new RegExp(`^${folder}/`);
const file = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.')}$`);
/** The front door of packages of ours, and of some a second one: `sql/dsl`, `engine/integrity`. */
const our = (...names: readonly string[]): RegExp => new RegExp(`^@hybridstore/(${names.join('|')})$`);
const npm = (...names: readonly string[]): RegExp => new RegExp(`^npm:(${names.join('|')})$`);
const node = (...names: readonly string[]): RegExp => new RegExp(`^node:(${names.join('|')})(/|$)`);

/** Modules of Node that compute: none of them reaches outside the process. */
const pureNode = node('assert', 'buffer', 'crypto', 'util', 'path', 'zlib');
/** Whatever Node gives, but other programs: a room that starts some says so by `node('child_process')`. */
const anyNode = /^node:(?!child_process$)/;

const contracts = 'packages/contracts/src';
const runtime = 'packages/runtime/src';
const plan = 'packages/plan/src';
const http = 'packages/http/src';
const engine = 'packages/engine/src';
const sql = 'packages/sql/src';
const controllerRuntime = 'packages/controller-runtime/src';
const embedded = 'packages/embedded-kubernetes/src';
const operator = 'operator/src';

/** The API server knows neither who serves it nor what runs its pods; the kubelet alone starts processes. */
const embeddedRooms: readonly Room[] = [
  {
    name: 'embedded-kubernetes/schema',
    files: inside(`${embedded}/schema`),
    mayImport: [
      our('controller-runtime', 'runtime'),
      npm('@kubernetes/client-node', '@marcbachmann/cel-js', 'ajv', 'ajv-formats'),
      inside(`${embedded}/schema`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/apply',
    files: inside(`${embedded}/apply`),
    mayImport: [our('controller-runtime'), inside(`${embedded}/(apply|schema)`)],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/storage',
    files: inside(`${embedded}/storage`),
    mayImport: [our('controller-runtime', 'runtime'), node('path'), inside(`${embedded}/storage`)],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/selectors',
    files: file(`${embedded}/selectors.ts`),
    mayImport: [our('controller-runtime')],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/api',
    files: inside(`${embedded}/api`),
    mayImport: [
      our('controller-runtime', 'runtime'),
      inside(`${embedded}/(api|apply|schema|storage)`),
      file(`${embedded}/selectors.ts`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'embedded-kubernetes/controllers',
    files: inside(`${embedded}/controllers`),
    mayImport: [our('controller-runtime', 'runtime'), node('crypto', 'fs', 'path'), inside(`${embedded}/controllers`)],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/kubelet',
    files: inside(`${embedded}/kubelet`),
    mayImport: [
      our('controller-runtime', 'runtime'),
      node('child_process', 'fs', 'http', 'net', 'path'),
      inside(`${embedded}/(kubelet|controllers)`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'embedded-kubernetes/http',
    files: inside(`${embedded}/http`),
    mayImport: [
      our('controller-runtime', 'runtime'),
      node('crypto', 'fs', 'http', 'https', 'net', 'path'),
      npm('yaml'),
      inside(`${embedded}/(http|api)`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'embedded-kubernetes',
    files: inside(embedded),
    mayImport: [our('controller-runtime', 'runtime'), node('crypto', 'net', 'path'), inside(embedded)],
    mustNotReach: ['clock', 'environment'],
  },
];

const packageRooms: readonly Room[] = [
  {
    name: 'contracts',
    files: inside(contracts),
    mayImport: [npm('typebox', 'ajv', 'ajv-formats'), inside(contracts)],
    mustNotReach: pureReach,
  },
  {
    name: 'runtime/disk',
    files: file(`${runtime}/disk.ts`),
    mayImport: [node('fs', 'path', 'crypto', 'sqlite'), inside(runtime)],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'runtime/threads',
    files: inside(`${runtime}/threads`),
    mayImport: [
      node('worker_threads'),
      inside(`${runtime}/threads`),
      new RegExp(`^${runtime}/(assert|clock|errors|log|resting-memory|semaphore)\\.ts$`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'runtime/child-process',
    files: inside(`${runtime}/child-process`),
    mayImport: [
      node('child_process', 'module', 'net', 'os', 'path', 'stream', 'string_decoder', 'url'),
      inside(`${runtime}/child-process`),
      new RegExp(`^${runtime}/(clock|errors|log|resting-memory)\\.ts$`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'runtime',
    files: inside(runtime),
    mayImport: [our('contracts'), anyNode, npm('pino', 'prom-client'), inside(runtime)],
    mustNotReach: noEnvironment,
  },
  {
    name: 'plan',
    files: inside(plan),
    mayImport: [our('contracts'), inside(plan)],
    mustNotReach: pureReach,
  },
  {
    name: 'http',
    files: inside(http),
    mayImport: [
      our('contracts', 'runtime'),
      anyNode,
      npm('fastify', '@fastify/cors', 'undici', 'ajv', 'ajv-formats', 'jsonwebtoken', 'typebox'),
      inside(http),
    ],
    mustNotReach: noEnvironment,
  },
  {
    name: 'engine/segment',
    files: inside(`${engine}/segment`),
    mayImport: [
      our('contracts', 'runtime'),
      node('path', 'crypto'),
      npm('@duckdb/node-api'),
      inside(`${engine}/(segment|duckdb|batch)`),
      file(`${engine}/wal/frame.ts`),
      file(`${engine}/table-log/delta-statistics.ts`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    // The second door: batches into DuckDB, for the children. The engine's own process never loads DuckDB.
    name: 'engine/duckdb',
    files: inside(`${engine}/duckdb`),
    mayImport: [
      our('contracts', 'runtime'),
      npm('@duckdb/node-api', '@duckdb/node-bindings'),
      inside(`${engine}/(duckdb|batch)`),
      file(`${engine}/wal/frame.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'engine/batch',
    files: inside(`${engine}/batch`),
    mayImport: [our('contracts', 'runtime'), inside(`${engine}/batch`)],
    mustNotReach: pureReach,
  },
  {
    // What S3 can keep: it knows objects, and nothing of what they are for.
    name: 'engine/store',
    files: inside(`${engine}/store`),
    mayImport: [our('contracts', 'runtime'), node('path'), inside(`${engine}/store`)],
    mustNotReach: pureReach,
  },
  {
    name: 'engine/wal',
    files: inside(`${engine}/wal`),
    mayImport: [
      our('runtime'),
      node('crypto', 'path', 'zlib', 'util'),
      inside(`${engine}/(wal|batch)`),
      file(`${engine}/ports.ts`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'engine',
    files: inside(engine),
    mayImport: [
      our('contracts', 'runtime'),
      pureNode,
      npm('hyparquet'),
      new RegExp(`^${engine}/(?!duckdb/|segment/(writer-main|write-segments|segment-statistics)\\.ts$)`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'sql/parsing',
    files: inside(`${sql}/parsing`),
    mayImport: [
      our('contracts', 'runtime', 'plan'),
      node('worker_threads'),
      npm('@polyglot-sql/sdk', 'node-sql-parser'),
      inside(sql),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'sql/dsl',
    files: inside(`${sql}/dsl`),
    mayImport: [our('contracts', 'plan'), inside(`${sql}/dsl`)],
    mustNotReach: pureReach,
  },
  {
    name: 'sql',
    files: inside(sql),
    mayImport: [our('contracts', 'runtime', 'plan'), inside(sql)],
    mustNotReach: pureReach,
  },
  {
    name: 'controller-runtime/api-server',
    files: inside(`${controllerRuntime}/kube/api-server`),
    mayImport: [
      our('runtime'),
      node('crypto', 'https', 'net', 'path'),
      npm('@kubernetes/client-node', 'undici'),
      inside(`${controllerRuntime}/kube`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'controller-runtime/kinds',
    files: file(`${controllerRuntime}/kube/kinds.ts`),
    // For the generated types alone.
    mayImport: [npm('@kubernetes/client-node'), inside(`${controllerRuntime}/kube`)],
    mustNotReach: pureReach,
  },
  {
    name: 'controller-runtime/kube',
    files: new RegExp(`^${controllerRuntime}/kube/[^/]+\\.ts$`),
    mayImport: [our('runtime'), npm('jsonpath-plus'), new RegExp(`^${controllerRuntime}/kube/[^/]+\\.ts$`)],
    mustNotReach: pureReach,
  },
  {
    name: 'controller-runtime/controller',
    files: inside(`${controllerRuntime}/controller`),
    mayImport: [
      our('runtime'),
      new RegExp(`^${controllerRuntime}/kube/[^/]+\\.ts$`),
      inside(`${controllerRuntime}/controller`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'controller-runtime/reconcile',
    files: inside(`${controllerRuntime}/reconcile`),
    mayImport: [
      our('runtime'),
      new RegExp(`^${controllerRuntime}/kube/[^/]+\\.ts$`),
      inside(`${controllerRuntime}/(controller|reconcile)`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'controller-runtime',
    files: inside(controllerRuntime),
    mayImport: [inside(controllerRuntime)],
    mustNotReach: pureReach,
  },
  ...embeddedRooms,
  {
    name: 'test-kit',
    files: inside('packages/test-kit/src'),
    mayImport: [our('contracts', 'runtime', 'http'), anyNode, inside('packages/test-kit/src')],
  },
];

const kindFolders = ['tenant', 'data-source', 'compaction-policy', 'shared-services'];

const operatorRooms: readonly Room[] = [
  {
    name: 'operator/decisions',
    files: new RegExp(`^${operator}/.*/decide[^/]*\\.ts$`),
    mayImport: [
      our('contracts', 'runtime'),
      new RegExp(`^${operator}/scaling/(decide-[a-z-]+|desired-size|samples|stabilize)\\.ts$`),
      new RegExp(`^${operator}/[a-z-]+/(decide|world)\\.ts$`),
      inside(`${operator}/resources`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/scaling',
    files: inside(`${operator}/scaling`),
    mayImport: [our('contracts', 'runtime', 'http'), npm('undici'), inside(`${operator}/scaling`)],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/resources',
    files: inside(`${operator}/resources`),
    mayImport: [our('contracts', 'runtime', 'controller-runtime'), pureNode, inside(`${operator}/resources`)],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/kinds',
    files: new RegExp(`^${operator}/(${kindFolders.join('|')})/`),
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime'),
      pureNode,
      npm('undici', 'yaml'),
      new RegExp(`^${operator}/(resources|scaling|${kindFolders.join('|')})/`),
      new RegExp(`^${operator}/[^/]+\\.ts$`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/main',
    files: new RegExp(`^${operator}/[^/]+\\.ts$`),
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime'),
      anyNode,
      npm('typebox', 'undici', 'yaml'),
      inside(operator),
    ],
  },
];

/** Rooms that every service has. */
type Shell = 'domain' | 'routes' | 'clients' | 'config' | 'ports' | 'metrics' | 'app' | 'main';

/** What the rooms of one service may import beyond what those of every service may. */
const shellNeeds: Readonly<Record<string, Partial<Readonly<Record<Shell, readonly RegExp[]>>>>> = {
  'auth-gateway': {
    domain: [node('crypto', 'net')],
    routes: [node('crypto'), npm('fastify')],
    clients: [node('http', 'stream'), npm('undici')],
    config: [node('fs', 'net')],
    ports: [node('http', 'net'), inside('services/auth-gateway/src/tokens')],
    app: [npm('fastify', '@fastify/cors'), inside('services/auth-gateway/src/tokens')],
    main: [
      inside('services/auth-gateway/src/passwords'),
      file('services/auth-gateway/src/system-random.ts'),
      file('services/auth-gateway/src/start-accounts.ts'),
    ],
  },
  'operation-node': {
    domain: [our('sql/parameters'), file('services/operation-node/src/ports.ts')],
    routes: [npm('fastify')],
    clients: [npm('cockatiel')],
    ports: [node('stream')],
    app: [inside('services/operation-node/src/coordinate')],
  },
  'tenant-node': {
    domain: [our('plan', 'engine', 'sql/dsl'), pureNode],
    routes: [node('stream'), npm('fastify')],
    clients: [our('plan', 'engine'), anyNode, npm('undici'), inside('services/tenant-node/src/membership')],
    config: [our('engine'), anyNode],
    app: [
      our('engine'),
      anyNode,
      /^services\/tenant-node\/src\/(execute|ingest|membership|metrics|(start|prepare)-[a-z-]+)/,
    ],
    main: [our('engine'), anyNode, /^services\/tenant-node\/src\/(execute\/|start-[a-z-]+\.ts$)/],
  },
  'cbo-engine': { domain: [our('plan'), node('crypto')] },
  'metadata-catalog': { domain: [our('plan'), npm('croner')] },
  monitoring: {},
  'query-interpreter': {
    domain: [our('plan', 'sql', 'sql/dsl', 'sql/parameters'), node('crypto')],
    clients: [our('plan')],
    config: [our('sql', 'http')],
    app: [our('sql')],
    main: [our('sql')],
  },
};

/**
 * Every service has the same rooms for its shell. A domain folder knows no transport, no file and no clock; a store is
 * made by `main` and reaches everybody else as a port, and nobody but the app knows a route.
 */
function shellRooms(service: string): readonly Room[] {
  const src = `services/${service}/src`;
  const own = (...folders: readonly string[]) => folders.map((folder) => inside(`${src}/${folder}`));
  const top = (...names: readonly string[]) => new RegExp(`^${src}/(${names.join('|')})\\.ts$`);
  const metrics = '[a-z-]*metrics';
  const needs = (room: Shell): readonly RegExp[] => shellNeeds[service]?.[room] ?? [];
  const words = our('contracts', 'runtime');
  return [
    {
      name: `${service}/domain`,
      files: inside(`${src}/domain`),
      mayImport: [words, ...own('domain'), ...needs('domain')],
      mustNotReach: pureReach,
    },
    {
      name: `${service}/routes`,
      files: inside(`${src}/routes`),
      mayImport: [words, our('http'), ...own('routes', 'domain'), top('ports', metrics), ...needs('routes')],
      mustNotReach: ['clock', 'environment'],
    },
    {
      name: `${service}/clients`,
      files: inside(`${src}/clients`),
      mayImport: [words, our('http'), ...own('clients', 'domain'), top('ports', metrics), ...needs('clients')],
      mustNotReach: ['clock', 'environment'],
    },
    {
      name: `${service}/config`,
      files: top('config'),
      mayImport: [words, ...own('domain'), ...needs('config')],
      mustNotReach: pureReach,
    },
    {
      name: `${service}/ports`,
      files: top('ports'),
      mayImport: [words, ...own('domain'), top(metrics), ...needs('ports')],
      mustNotReach: pureReach,
    },
    {
      name: `${service}/metrics`,
      files: top(metrics),
      mayImport: [words, ...own('domain'), top('ports'), ...needs('metrics')],
      mustNotReach: pureReach,
    },
    {
      name: `${service}/app`,
      files: top('app', '(start|prepare)-[a-z-]+'),
      mayImport: [
        words,
        our('http'),
        ...own('routes', 'clients', 'domain'),
        top('app', 'config', 'ports', metrics, 'prepare-[a-z-]+'),
        ...needs('app'),
      ],
      mustNotReach: ['clock', 'environment'],
    },
    {
      name: `${service}/main`,
      files: top('main'),
      mayImport: [words, our('http'), ...own('store', 'clients'), top('app', 'config'), ...needs('main')],
      mustNotReach: ['clock', 'random'],
    },
  ];
}

const gateway = 'services/auth-gateway/src';
const tenantNode = 'services/tenant-node/src';
const operationNode = 'services/operation-node/src';

/** What a service owns besides its shell. */
const ownRooms: readonly Room[] = [
  {
    name: 'auth-gateway/passwords',
    files: inside(`${gateway}/passwords`),
    mayImport: [
      our('runtime'),
      npm('@node-rs/argon2', '@zxcvbn-ts/language-common', 'bcrypt'),
      inside(`${gateway}/(domain|passwords)`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'auth-gateway/random',
    files: file(`${gateway}/system-random.ts`),
    mayImport: [node('crypto'), file(`${gateway}/domain/ports.ts`)],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'auth-gateway/tokens',
    files: inside(`${gateway}/tokens`),
    mayImport: [our('contracts', 'runtime', 'http'), node('crypto'), inside(`${gateway}/(domain|tokens)`)],
    mustNotReach: pureReach,
  },
  ...['auth-gateway', 'metadata-catalog', 'monitoring'].map((service) => ({
    name: `${service}/store`,
    files: inside(`services/${service}/src/store`),
    mayImport: [
      our('contracts', 'runtime'),
      node('fs', 'path', 'sqlite'),
      ...(service === 'auth-gateway' ? [npm('pg')] : []),
      // A file of targets is checked as a body is.
      ...(service === 'monitoring' ? [our('http')] : []),
      inside(`services/${service}/src/(store|domain)`),
      file(`services/${service}/src/ports.ts`),
    ],
    mustNotReach: pureReach,
  })),
  {
    name: 'operation-node/coordinate',
    files: inside(`${operationNode}/coordinate`),
    mayImport: [
      our('contracts', 'runtime'),
      node('crypto', 'stream'),
      inside(`${operationNode}/(coordinate|domain)`),
      file(`${operationNode}/ports.ts`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    name: 'tenant-node/membership',
    files: inside(`${tenantNode}/membership`),
    mayImport: [
      our('contracts', 'runtime', 'engine', 'http'),
      node('path', 'crypto', 'fs'),
      inside(`${tenantNode}/(membership|domain)`),
    ],
    mustNotReach: ['clock', 'environment'],
  },
  {
    // Where writes wait for their turn, and large ones are read, in a thread and on its other side.
    name: 'tenant-node/ingest',
    files: inside(`${tenantNode}/ingest`),
    mayImport: [
      our('contracts', 'runtime', 'engine', 'http'),
      npm('apache-arrow'),
      node('buffer', 'zlib'),
      inside(`${tenantNode}/ingest`),
      file(`${tenantNode}/domain/ports.ts`),
    ],
    mustNotReach: ['environment'],
  },
  {
    // Runs with a tenant's statements in its hands: it knows no file, no network and nothing of its node but the words.
    name: 'tenant-node/execute-child',
    files: inside(`${tenantNode}/execute/child`),
    mayImport: [
      our('contracts', 'runtime', 'plan', 'engine/duckdb'),
      npm('@duckdb/node-api', 'apache-arrow', 'flatbuffers'),
      node('buffer', 'crypto'),
      inside(`${tenantNode}/execute/child`),
      file(`${tenantNode}/execute/messages.ts`),
      file(`${tenantNode}/domain/ports.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    // The node's side of the child: it never loads DuckDB, and knows what the child is only by their messages.
    name: 'tenant-node/execute',
    files: inside(`${tenantNode}/execute`),
    mayImport: [
      our('contracts', 'runtime'),
      new RegExp(`^${tenantNode}/execute/[^/]+\\.ts$`),
      file(`${tenantNode}/domain/ports.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'tenant-node/metrics',
    files: inside(`${tenantNode}/metrics`),
    mayImport: [
      our('contracts', 'runtime'),
      node('fs', 'os', 'v8', 'path', 'perf_hooks'),
      inside(`${tenantNode}/(metrics|domain)`),
    ],
    mustNotReach: noEnvironment,
  },
];

const cli = 'cli/src';

const cliRooms: readonly Room[] = [
  {
    name: 'cli/load',
    files: inside(`${cli}/load`),
    mayImport: [
      our('contracts', 'runtime', 'engine/batch', 'engine/duckdb'),
      node('buffer', 'fs', 'os', 'path', 'stream', 'zlib', 'crypto'),
      npm('apache-arrow', 'hyparquet', '@duckdb/node-api'),
      inside(`${cli}/load`),
      file(`${cli}/usage-error.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/output',
    files: inside(`${cli}/output`),
    mayImport: [
      our('contracts', 'runtime', 'controller-runtime'),
      npm('cli-progress', 'string-width'),
      inside(`${cli}/output`),
      file(`${cli}/io.ts`),
    ],
    mustNotReach: ['random', 'environment'],
  },
  {
    // Answers part by part, from their text to every form of them.
    name: 'cli/answer',
    files: inside(`${cli}/answer`),
    mayImport: [
      our('contracts', 'runtime'),
      npm('apache-arrow', 'hyparquet', 'hyparquet-writer'),
      inside(`${cli}/(answer|output)`),
      file(`${cli}/load/parse-exactly.ts`),
      file(`${cli}/io.ts`),
      file(`${cli}/usage-error.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/resources',
    files: inside(`${cli}/resources`),
    mayImport: [
      our('contracts', 'runtime', 'controller-runtime'),
      node('fs', 'path'),
      npm('yaml'),
      inside(`${cli}/resources`),
      file(`${cli}/io.ts`),
      file(`${cli}/usage-error.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    // Volumes and databases as files: the engine's door for it loads no DuckDB, and no folder is opened as a node does.
    name: 'cli/repair',
    files: inside(`${cli}/repair`),
    mayImport: [
      our('contracts', 'runtime', 'engine/integrity'),
      node('fs', 'path'),
      inside(`${cli}/repair`),
      file(`${cli}/usage-error.ts`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/commands',
    files: inside(`${cli}/commands`),
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime'),
      node('fs', 'path', 'readline', 'stream', 'util'),
      npm('commander', 'yaml'),
      new RegExp(`^${cli}/(answer|commands|load|output|repair|resources)/`),
      new RegExp(`^${cli}/(connection|io|usage-error)\\.ts$`),
    ],
    mustNotReach: ['random', 'environment'],
  },
  {
    name: 'cli/io',
    files: file(`${cli}/io.ts`),
    mayImport: [node('stream'), npm('picocolors')],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/connection',
    files: new RegExp(`^${cli}/(connection|config|read-json-file|usage-error)\\.ts$`),
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime'),
      node('fs', 'path'),
      new RegExp(`^${cli}/(connection|config|read-json-file|usage-error)\\.ts$`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/command-line',
    files: file(`${cli}/command-line.ts`),
    mayImport: [npm('commander'), inside(cli)],
    mustNotReach: pureReach,
  },
  {
    name: 'cli/main',
    files: file(`${cli}/main.ts`),
    mayImport: [node('os'), file(`${cli}/command-line.ts`)],
  },
];

/** What a script can be told, and its `--help`. */
const scriptArguments = file('scripts/script-arguments.ts');

/** Scripts put the parts together by their front doors; a service is a program to them, never a module. */
const scriptRooms: readonly Room[] = [
  {
    // The one place that puts the operator and the embedded Kubernetes together.
    name: 'scripts/start',
    files: /^scripts\/(start\.ts$|start\/)/,
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime', 'embedded-kubernetes', 'operator'),
      node('fs', 'path', 'url', 'util', 'net', 'crypto', 'module', 'child_process', 'timers'),
      npm('yaml'),
      inside('scripts/start'),
      file('cli/src/io.ts'),
      /^cli\/src\/(load\/(load-rows|read-file)|output\/(progress|table))\.ts$/,
    ],
  },
  {
    name: 'scripts/cluster/tar',
    files: /^scripts\/cluster\/tar\.ts$/,
    mayImport: [node('fs'), npm('tar-stream')],
    mustNotReach: pureReach,
  },
  {
    name: 'scripts/cluster',
    files: inside('scripts/cluster'),
    mayImport: [anyNode, node('child_process'), inside('scripts/cluster'), /^scripts\/(build|script-arguments)\.ts$/],
  },
  {
    name: 'scripts/kind-up',
    files: file('scripts/kind-up.ts'),
    mayImport: [node('child_process', 'fs', 'path', 'url'), file('scripts/cluster/volumes.ts'), scriptArguments],
    mustNotReach: pureReach,
  },
  {
    name: 'scripts/test-cluster',
    files: file('scripts/test-cluster.ts'),
    mayImport: [
      our('operator'),
      node('child_process', 'fs', 'path', 'url'),
      inside('scripts/cluster'),
      scriptArguments,
    ],
  },
  {
    name: 'scripts/test-crash',
    files: file('scripts/test-crash.ts'),
    mayImport: [our('test-kit'), node('test', 'url'), file('scripts/find-tests.ts'), scriptArguments],
  },
  {
    name: 'scripts/test-dialects',
    files: file('scripts/test-dialects.ts'),
    mayImport: [
      our('contracts'),
      node('events', 'fs', 'net', 'os', 'path', 'test', 'url'),
      inside('tests/dialects'),
      scriptArguments,
    ],
  },
  {
    name: 'scripts/generate',
    files: /^scripts\/(generate\.ts$|generate\/)/,
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime', 'sql/functions'),
      node('crypto', 'fs', 'path', 'url'),
      npm('yaml', 'typebox'),
      inside('scripts/generate'),
      scriptArguments,
      // What differs on purpose stands beside the comparison that meets it.
      file('tests/dialects/deliberate-differences.ts'),
      // The chart's permissions stand beside the code that needs them.
      new RegExp(`^${operator}/[a-z-]+/rbac\\.ts$`),
      // The chart's reference shows the defaults that the operator gives.
      new RegExp(`^${operator}/(platform-settings|resources/names)\\.ts$`),
    ],
    mustNotReach: pureReach,
  },
  {
    name: 'scripts/script-arguments',
    files: scriptArguments,
    mayImport: [node('util')],
    mustNotReach: pureReach,
  },
  {
    name: 'scripts/build',
    files: file('scripts/build.ts'),
    mayImport: [node('fs', 'path', 'url'), npm('esbuild'), scriptArguments],
    mustNotReach: pureReach,
  },
  {
    name: 'scripts/tools',
    files: /^scripts\/(biome|check|find-tests|format|test)\.ts$/,
    mayImport: [node('child_process', 'fs', 'path', 'test', 'url'), file('scripts/find-tests.ts'), scriptArguments],
  },
  {
    // The one figure that is measured without processes: an operator against an API server of the same process.
    name: 'bench/reconcile',
    files: file('bench/reconcile.ts'),
    mayImport: [
      our('contracts', 'runtime', 'http', 'controller-runtime', 'embedded-kubernetes', 'operator', 'test-kit'),
      anyNode,
      npm('yaml'),
      /^bench\//,
      inside('scripts/start'),
    ],
  },
  {
    name: 'bench',
    files: /^bench\/[^/]+\.ts$/,
    mayImport: [
      our('contracts', 'runtime', 'http', 'plan', 'controller-runtime', 'operator', 'test-kit'),
      anyNode,
      node('child_process'),
      npm('@duckdb/node-api', 'apache-arrow'),
      /^bench\//,
      /^scripts\/start\/(platform-process|settings|wait-until-ready)\.ts$/,
      scriptArguments,
      /^cli\/src\/load\/(load-rows|prepare-row|read-file|row)\.ts$/,
    ],
  },
];

export const rooms: readonly Room[] = [
  ...packageRooms,
  ...operatorRooms,
  ...Object.keys(shellNeeds).flatMap(shellRooms),
  ...ownRooms,
  ...cliRooms,
  ...scriptRooms,
];
