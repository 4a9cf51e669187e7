import { InterpreterSettingsFile, type ServiceName, services } from '@hybridstore/contracts';
import { placeOf, processVariables, settingsSections } from '@hybridstore/runtime';
import type { GeneratedFile } from './generated-file.ts';

/**
 * The schema of the chart's values: what it does not name would do nothing, so it is refused. Free maps are those that the
 * API server or a process checks: labels of nodes, annotations, variables.
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const name: Schema = { type: 'string', minLength: 1 };
const boolean: Schema = { type: 'boolean' };
const namespace: Schema = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' };
const scalar: Schema = { type: ['string', 'number', 'boolean'] };
const ref = (definition: string): Schema => ({ $ref: `#/definitions/${definition}` });
const setting: Schema = { type: ['string', 'number', 'boolean', 'array'], items: text };
const amounts: Schema = { type: 'object', additionalProperties: { type: ['string', 'number'] } };
const resources = closed({ requests: amounts, limits: amounts });
const texts: Schema = { type: 'object', additionalProperties: text };

function closed(properties: Readonly<Record<string, Schema>>, required?: readonly string[]): Schema {
  return { type: 'object', additionalProperties: false, ...(required ? { required } : {}), properties };
}

function list(items: Schema, maxItems?: number): Schema {
  return { type: 'array', ...(maxItems === undefined ? {} : { maxItems }), items };
}

const probePort = 9_800;
const peers = ref('peers');
const toleration = closed({
  key: text,
  operator: text,
  value: text,
  effect: text,
  tolerationSeconds: { type: 'integer' },
});
const affinity = closed({
  nodeAffinity: { type: 'object' },
  podAffinity: { type: 'object' },
  podAntiAffinity: { type: 'object' },
});
const operator: Schema = {
  ...closed({
    replicas: { type: 'integer', minimum: 0, maximum: 10 },
    leaderElection: boolean,
    watchNamespaces: list(namespace, 16),
    resources,
    nodeSelector: texts,
    tolerations: list(toleration),
    affinity,
  }),
  // Two that lead at once would undo each other's work.
  if: { properties: { leaderElection: { const: false } }, required: ['leaderElection'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { properties: { replicas: { maximum: 1 } } },
};

const shared = [
  'auth-gateway',
  'operation-node',
  'cbo-engine',
  'metadata-catalog',
  'monitoring',
  'query-interpreter',
] as const;
const stateful: ReadonlySet<ServiceName> = new Set(['auth-gateway', 'metadata-catalog', 'monitoring']);
/** Variables that the operator sets whatever the chart says. */
const fixed = { PROBE_PORT: false, METRICS_PORT: false };
const variables: Schema = { type: 'object', properties: fixed, additionalProperties: scalar };

const definitions = {
  setting,
  peers: list(
    closed({ podSelector: { type: 'object' }, namespaceSelector: { type: 'object' }, ipBlock: { type: 'object' } }),
  ),
  // Its volume is held by one pod.
  stateful: closed({ enabled: boolean, replicas: { const: 1 }, stateSize: name, resources, env: variables }),
  stateless: closed({
    enabled: boolean,
    replicas: { type: 'integer', minimum: 0, maximum: 100 },
    resources,
    env: variables,
  }),
};

/** Variables for people to set, but those that every pod gets from elsewhere. */
function configSchema(service: Exclude<ServiceName, 'operator'>): Schema {
  const elsewhere = new Set(['CONFIG_FILE', 'JWT_SECRET', 'LOG_LEVEL']);
  const own = processVariables[service].own.filter((one) => !elsewhere.has(one) && placeOf(service, one) === undefined);
  const sections = new Map<string, Schema>(
    Object.entries(InterpreterSettingsFile.properties).map(([key, schema]) => [key, { ...schema }]),
  );
  const named = (settingsSections[service] ?? []).map((section) => [section, sections.get(section) ?? {}] as const);
  return closed(Object.fromEntries([...own.map((one) => [one, ref('setting')] as const), ...named]));
}

const byName = (
  names: readonly Exclude<ServiceName, 'operator'>[],
  schemaOf: (service: Exclude<ServiceName, 'operator'>) => Schema,
) => closed(Object.fromEntries(names.map((service) => [service, schemaOf(service)])));

/** `values.schema.json` of the chart, by which Helm refuses what the chart does not know. Pure. */
export function renderChartSchema(): GeneratedFile {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    definitions,
    ...closed({
      global: { type: 'object' },
      image: closed(
        {
          operator: name,
          services: name,
          pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
          pullSecrets: list(name, 16),
        },
        ['operator', 'services'],
      ),
      crds: closed({ install: boolean }),
      operator,
      logLevel: { enum: ['debug', 'info', 'warn', 'error'] },
      storage: closed({ logStorageClassName: text, dataStorageClassName: text, stateStorageClassName: text }),
      prometheus: closed({
        url: { type: 'string', pattern: '^(https?://.+)?$' },
        namespaceLabel: name,
        podLabel: name,
      }),
      monitoring: closed({
        enabled: boolean,
        labels: texts,
        interval: { type: 'string', pattern: '^[1-9][0-9]*(s|m)$' },
        runbookUrl: { type: 'string', pattern: '/$' },
        dashboards: closed({ enabled: boolean }),
      }),
      network: closed({
        policies: boolean,
        dns: peers,
        prometheus: peers,
        gatewayClients: peers,
        tenantClients: peers,
        metricsPort: {
          anyOf: [
            { type: 'null' },
            {
              type: 'integer',
              minimum: 1_024,
              maximum: 65_535,
              not: { enum: [...Object.values(services), probePort].sort() },
            },
          ],
        },
      }),
      ingress: closed({ enabled: boolean, className: text, host: text, tlsSecret: text, annotations: texts }),
      services: byName(shared, (service) => ref(stateful.has(service) ? 'stateful' : 'stateless')),
      config: byName([...shared, 'tenant-node'], configSchema),
    }),
  };
  return { path: 'charts/hybridstore/values.schema.json', text: `${JSON.stringify(schema, undefined, 1)}\n` };
}
