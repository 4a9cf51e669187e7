import { InterpreterSettingsFile, type ServiceName, services } from '@hybridstore/contracts';
import { placeOf, podVariables, processVariables, settingsSections } from '@hybridstore/runtime';
import { buildPodTemplateSchema, buildServiceAccountSchema, givenToEach } from './chart-pod-template.ts';
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

/** What a value is for, as the reference of the chart says it. */
function described(description: string, schema: Schema): Schema {
  return { description, ...schema };
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
const podTemplate = described(
  'settings of its pods, as `spec.podTemplate` of a Tenant: labels, placement, variables, users',
  ref('podTemplate'),
);
const serviceAccount = described('`annotations` of its account, for workload identity', ref('serviceAccount'));
/** What the chart sets in the operator's own pods. */
const ofOperator: Schema = {
  properties: {
    name: { not: { enum: [...processVariables.operator.own, ...Object.keys(processVariables.operator.given)] } },
  },
};
const operator: Schema = {
  ...closed({
    replicas: described('pods of the operator; one leads, the others stand by', {
      type: 'integer',
      minimum: 0,
      maximum: 10,
    }),
    leaderElection: described('one of several acts; without it there may be one pod', boolean),
    watchNamespaces: described(
      'namespaces whose resources are reconciled; they must exist; the operator has a role in each and no right elsewhere; empty means all, by a cluster role',
      list(namespace, 16),
    ),
    admissionPolicy: described(
      'a ValidatingAdmissionPolicy lets the operator delete only what wears its label (Kubernetes 1.30)',
      boolean,
    ),
    resources: described('requests and limits of the operator', resources),
    nodeSelector: described('labels of the machines on which the operator may run', texts),
    tolerations: described('taints that the operator bears', list(toleration)),
    affinity: described('where the operator runs, in Kubernetes’ words', affinity),
    podTemplate: described('more of its pods, as `spec.podTemplate` of a Tenant; wins over the three above', {
      type: 'object',
      allOf: [ref('podTemplate'), { properties: { spec: { properties: { env: { items: ofOperator } } } } }],
    }),
    serviceAccount,
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
const once: ReadonlySet<ServiceName> = new Set(['metadata-catalog', 'monitoring']);
const postgres = closed(
  {
    host: { type: 'string', pattern: '^[A-Za-z0-9.:-]{1,253}$' },
    port: { type: 'integer', minimum: 1, maximum: 65_535 },
    database: { type: 'string', minLength: 1, maxLength: 63 },
    credentialsSecret: { type: 'string', minLength: 1, maxLength: 253 },
    tlsMode: { enum: ['disable', 'require', 'verify-full'] },
    caSecret: { type: 'string', maxLength: 253 },
    peers,
  },
  ['host', 'credentialsSecret'],
);
/** Variables that the operator sets whatever the chart says. */
const fixed = Object.fromEntries(Object.keys(podVariables).map((variable) => [variable, false]));
const variables: Schema = { type: 'object', properties: fixed, additionalProperties: scalar };

const enabled = described('whether the service runs', boolean);
const ofService = described('requests and limits of the service', resources);
const env = described('variables of the service; they go before `config`', variables);

const definitions = {
  setting,
  peers: list(
    closed({ podSelector: { type: 'object' }, namespaceSelector: { type: 'object' }, ipBlock: { type: 'object' } }),
  ),
  // Its volume is held by one pod.
  stateful: closed({
    enabled,
    replicas: described('one pod holds the volume', { const: 1 }),
    stateSize: described('size of the volume', name),
    resources: ofService,
    env,
    podTemplate,
    serviceAccount,
  }),
  // Several leave the users to one more process, which has the volume.
  gateway: closed({
    enabled,
    replicas: described(
      'gateways; more than one ask a process `user-store` for the users, which holds the volume then, and share out the bounds on guesses',
      { type: 'integer', minimum: 1, maximum: 5 },
    ),
    stateSize: described('size of the volume of the users', name),
    resources: ofService,
    env,
    podTemplate,
    serviceAccount,
  }),
  stateless: closed({
    enabled,
    replicas: described('pods of the service', { type: 'integer', minimum: 0, maximum: 100 }),
    resources: ofService,
    env,
    podTemplate,
    serviceAccount,
  }),
  podTemplate: buildPodTemplateSchema(givenToEach(shared)),
  serviceAccount: buildServiceAccountSchema(),
};

function shapeOf(service: ServiceName): 'gateway' | 'stateful' | 'stateless' {
  if (service === 'auth-gateway') return 'gateway';
  return once.has(service) ? 'stateful' : 'stateless';
}

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
  return {
    path: 'charts/hybridstore/values.schema.json',
    text: `${JSON.stringify(buildChartSchema(), undefined, 1)}\n`,
  };
}

/** Every value that the chart takes, each with what it is for. Pure. */
export function buildChartSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    definitions,
    ...closed({
      global: described('ignored; charts that contain this one may set it', { type: 'object' }),
      image: closed(
        {
          operator: described('image of the operator', name),
          services: described('image of the shared services and the tenant nodes', name),
          pullPolicy: described('when images are pulled', { enum: ['Always', 'IfNotPresent', 'Never'] }),
          pullSecrets: described('names of Secrets by which images are pulled', list(name, 16)),
        },
        ['operator', 'services'],
      ),
      crds: closed({
        install: described('install and upgrade the definitions; they stay when the release is removed', boolean),
      }),
      operator,
      preventDeletion: closed({
        admissionPolicy: described(
          'a ValidatingAdmissionPolicy refuses to delete a Tenant while its `spec.preventDeletion` is true (Kubernetes 1.30)',
          boolean,
        ),
      }),
      logLevel: described('of every process; another one restarts none but the operator', {
        enum: ['debug', 'info', 'warn', 'error'],
      }),
      shutdownDelaySeconds: described('how long a process that is to end is not ready and still answers', {
        type: 'integer',
        minimum: 0,
        maximum: 15,
      }),
      shutdownFinishSeconds: described('how long what it answers then may still take', {
        type: 'integer',
        minimum: 0,
        maximum: 3_600,
      }),
      maxTenantsRolling: described('tenants whose nodes follow a change of the platform at one time', {
        type: 'integer',
        minimum: 1,
        maximum: 1_000,
      }),
      storage: closed({
        logStorageClassName: described(
          'class of log volumes (ReadWriteOnce) where a Tenant names none; empty: the cluster’s',
          text,
        ),
        dataStorageClassName: described(
          'class of tables (ReadWriteMany) where a Tenant names none; empty: the cluster’s',
          text,
        ),
        stateStorageClassName: described('class of the volumes of shared services; empty: the cluster’s', text),
      }),
      store: closed({
        postgres: described(
          'a PostgreSQL for the users of the gateways, in place of a volume; users do not move there',
          {
            anyOf: [{ type: 'null' }, postgres],
          },
        ),
      }),
      prometheus: closed({
        url: described('where Prometheus answers the autoscaler; empty: nodes are scraped by the operator itself', {
          type: 'string',
          pattern: '^(https?://.+)?$',
        }),
        namespaceLabel: described('what Prometheus calls a pod’s namespace', name),
        podLabel: described('what Prometheus calls a pod’s name', name),
      }),
      monitoring: closed({
        enabled: described(
          'monitors and alerts for the Prometheus operator, whose definitions must be installed',
          boolean,
        ),
        labels: described('labels of monitors and alerts, by which a Prometheus selects them', texts),
        interval: described('time between two scrapes', { type: 'string', pattern: '^[1-9][0-9]*(s|m)$' }),
        runbookUrl: described('what `runbook_url` of each alert begins with', { type: 'string', pattern: '/$' }),
        dashboards: closed({
          enabled: described('dashboards as ConfigMaps that the sidecar of Grafana’s chart takes in', boolean),
        }),
      }),
      network: closed({
        policies: described('NetworkPolicies: deny everything, then allow what is needed', boolean),
        dns: described(
          'peers (NetworkPolicyPeer) that resolve names, a cache on each machine by its `ipBlock`; empty: kube-dns',
          peers,
        ),
        prometheus: described('peers that scrape; empty: those of the usual Prometheus charts', peers),
        gatewayClients: described('peers that may call the gateway; empty: everybody', peers),
        tenantClients: described('peers that may call tenant nodes past the gateway', peers),
        metricsPort: described('a port of its own for /metrics, away from the port that clients call', {
          anyOf: [
            { type: 'null' },
            {
              type: 'integer',
              minimum: 1_024,
              maximum: 65_535,
              not: { enum: [...Object.values(services), probePort].sort() },
            },
          ],
        }),
      }),
      ingress: closed({
        enabled: described('a way in for clients, to the paths of the API only', boolean),
        className: described('class of the Ingress', text),
        host: described('host name of the Ingress', text),
        tlsSecret: described('Secret with the certificate of the host', text),
        annotations: described('annotations of the Ingress', texts),
      }),
      podSecurity: closed({
        assignIds: described(
          'pods name their user and groups; false leaves them to the cluster, as OpenShift’s restricted constraints want it',
          boolean,
        ),
      }),
      services: byName(shared, (service) => ref(shapeOf(service))),
      config: byName([...shared, 'tenant-node'], configSchema),
    }),
  };
}
