/**
 * The rooms of this house: which files stand in each, and what each may import. A file belongs to the first room whose
 * pattern matches it. A wall is moved here, in the same commit as its ADR, or not at all.
 *
 * Import targets are written as `npm:<package>`, `node:<module>`, `@hybridstore/<package>` or a path in the repository.
 */
export type Room = {
  readonly name: string;
  readonly files: RegExp;
  readonly mayImport: readonly RegExp[];
  /** Globals that the room must take as arguments instead: `clock` (Date.now, timers), `random`, `environment` (process.env). */
  readonly mustNotReach?: readonly Reach[];
};
export type Reach = 'clock' | 'random' | 'environment';

const contracts = /^@hybridstore\/contracts$/;
const plan = /^@hybridstore\/plan$/;
const runtime = /^@hybridstore\/runtime$/;
const http = /^@hybridstore\/http$/;
const node = /^node:/;
const pureNode = /^node:(assert|buffer|crypto|util|path|zlib)(\/|$)/;
const anyNpm = /^npm:/;
const pureReach: readonly Reach[] = ['clock', 'random', 'environment'];
const noEnvironment: readonly Reach[] = ['environment'];
const inside = (folder: string): RegExp => new RegExp(`^${folder}/`);

const serviceNames = [
  'auth-gateway',
  'operation-node',
  'tenant-node',
  'cbo-engine',
  'metadata-catalog',
  'monitoring',
  'query-interpreter',
];

/** Every service has the same rooms; what a service owns besides (engine, store, clients …) may use any library. */
function serviceRooms(service: string): readonly Room[] {
  const src = `services/${service}/src`;
  const own = (...folders: readonly string[]) => folders.map((folder) => inside(`${src}/${folder}`));
  const shared = [contracts, plan, runtime];
  return [
    {
      name: `${service}/domain`,
      files: inside(`${src}/domain`),
      mayImport: [...shared, pureNode, /^npm:croner$/, ...own('domain')],
      mustNotReach: pureReach,
    },
    {
      name: `${service}/routes`,
      files: inside(`${src}/routes`),
      mayImport: [
        ...shared,
        http,
        /^npm:(fastify|typebox)$/,
        pureNode,
        /^node:stream/,
        ...own('routes', 'domain'),
        new RegExp(`^${src}/(app|config|ports)\\.ts$`),
      ],
      mustNotReach: noEnvironment,
    },
    { name: `${service}/main`, files: new RegExp(`^${src}/main\\.ts$`), mayImport: [/./] },
    {
      name: `${service}/config`,
      files: new RegExp(`^${src}/config\\.ts$`),
      mayImport: [contracts, runtime, http, node, ...own('domain')],
    },
    {
      name: `${service}/rest`,
      files: inside(src),
      mayImport: [...shared, http, node, anyNpm, inside(src)],
      mustNotReach: noEnvironment,
    },
  ];
}

const operator = 'operator/src';
/** The port to Kubernetes and the plain words around it: no adapter. */
const kubeWords = new RegExp(`^${operator}/kube/[^/]+\\.ts$`);

export const rooms: readonly Room[] = [
  {
    name: 'contracts',
    files: inside('packages/contracts/src'),
    mayImport: [/^npm:(typebox|ajv|ajv-formats)$/, inside('packages/contracts/src')],
    mustNotReach: pureReach,
  },
  {
    name: 'plan',
    files: inside('packages/plan/src'),
    mayImport: [contracts, inside('packages/plan/src')],
    mustNotReach: pureReach,
  },
  {
    name: 'runtime',
    files: inside('packages/runtime/src'),
    mayImport: [contracts, node, /^npm:(pino|prom-client)$/, inside('packages/runtime/src')],
    mustNotReach: noEnvironment,
  },
  {
    name: 'http',
    files: inside('packages/http/src'),
    mayImport: [
      contracts,
      runtime,
      node,
      /^npm:(fastify|@fastify\/cors|undici|ajv|ajv-formats|jsonwebtoken|typebox)$/,
      inside('packages/http/src'),
    ],
    mustNotReach: noEnvironment,
  },
  {
    name: 'test-kit',
    files: inside('packages/test-kit/src'),
    mayImport: [contracts, runtime, http, node, inside('packages/test-kit/src')],
  },

  {
    name: 'operator/scaling',
    files: inside(`${operator}/scaling`),
    mayImport: [contracts, runtime, http, /^npm:undici$/, inside(`${operator}/scaling`)],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/resources',
    files: inside(`${operator}/resources`),
    mayImport: [contracts, runtime, pureNode, kubeWords, inside(`${operator}/resources`)],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/controller',
    files: inside(`${operator}/controller`),
    mayImport: [contracts, runtime, pureNode, kubeWords, inside(`${operator}/controller`)],
    mustNotReach: pureReach,
  },
  {
    name: 'operator/kube',
    files: inside(`${operator}/kube`),
    mayImport: [
      contracts,
      runtime,
      http,
      node,
      /^npm:(@kubernetes\/client-node|undici|yaml|ajv|ajv-formats|@marcbachmann\/cel-js)$/,
      inside(`${operator}/kube`),
    ],
  },
  {
    name: 'operator/main',
    files: new RegExp(`^${operator}/[^/]+\\.ts$`),
    mayImport: [contracts, runtime, http, node, anyNpm, inside(operator)],
  },
  {
    name: 'operator/kinds',
    files: inside(operator),
    mayImport: [
      contracts,
      runtime,
      http,
      pureNode,
      /^npm:(undici|yaml)$/,
      new RegExp(
        `^${operator}/(resources|reconcile|scaling|controller|tenant|data-source|compaction-policy|shared-services)/`,
      ),
      kubeWords,
      new RegExp(`^${operator}/[^/]+\\.ts$`),
    ],
    mustNotReach: pureReach,
  },

  ...serviceNames.flatMap(serviceRooms),

  {
    name: 'cli',
    files: inside('cli/src'),
    mayImport: [contracts, runtime, http, /^@hybridstore\/operator$/, node, anyNpm, inside('cli/src')],
  },
];
