import { InterpreterSettingsFile, PodTemplate, ServiceAccountSettings, services } from '@hybridstore/contracts';
import type { NetworkPolicyPeer } from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import {
  HybridStoreError,
  isGivenVariable,
  placeOf,
  podVariables,
  readersOf,
  sortSettings,
} from '@hybridstore/runtime';
import { type Static, Type } from 'typebox';
import { parse } from 'yaml';
import { keepsState, runsOnce } from './resources/deployment.ts';
import {
  type ConfiguredService,
  configuredServices,
  probePort,
  type SharedServiceName,
  sharedServiceNames,
} from './resources/names.ts';
import { findAccountProblem, findTemplateProblem } from './resources/pod-template.ts';
import type { PlatformSettings, Settings, SharedServiceSettings } from './resources/settings.ts';

const closed = { additionalProperties: false } as const;
const Amounts = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]));
const Peers = Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 64 });

/** Whatever is taken already is left out: ports of services, and that of the probes. */
const MetricsPort = Type.Integer({
  minimum: 1_024,
  maximum: 65_535,
  not: { enum: [...Object.values(services), probePort] },
});

const ServiceSettings = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    resources: Type.Optional(Type.Object({ requests: Type.Optional(Amounts), limits: Type.Optional(Amounts) }, closed)),
    stateSize: Type.Optional(Type.String({ minLength: 1 })),
    env: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
    podTemplate: Type.Optional(PodTemplate),
    serviceAccount: Type.Optional(ServiceAccountSettings),
  },
  closed,
);

type ServiceSettings = Static<typeof ServiceSettings>;

const PostgresFile = Type.Object(
  {
    host: Type.String({ pattern: '^[A-Za-z0-9.:-]{1,253}$' }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    database: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
    credentialsSecret: Type.String({ minLength: 1, maxLength: 253 }),
    tlsMode: Type.Optional(Type.Enum(['disable', 'require', 'verify-full'])),
    caSecret: Type.Optional(Type.String({ maxLength: 253 })),
    peers: Type.Optional(Peers),
  },
  closed,
);

const FileSettings = Type.Record(Type.String(), Type.Unknown());

/** The file that the chart writes from its values. */
export const SettingsFile = Type.Object(
  {
    image: Type.Optional(
      Type.Object(
        {
          services: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
          pullPolicy: Type.Optional(Type.Enum(['Always', 'IfNotPresent', 'Never'])),
          pullSecrets: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { maxItems: 16 })),
        },
        closed,
      ),
    ),
    logLevel: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'])),
    shutdownDelaySeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 15 })),
    shutdownFinishSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600 })),
    maxTenantsRolling: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    storage: Type.Optional(
      Type.Object(
        {
          logStorageClassName: Type.Optional(Type.String()),
          dataStorageClassName: Type.Optional(Type.String()),
          stateStorageClassName: Type.Optional(Type.String()),
        },
        closed,
      ),
    ),
    network: Type.Optional(
      Type.Object(
        {
          policies: Type.Optional(Type.Boolean()),
          dns: Type.Optional(Peers),
          prometheus: Type.Optional(Peers),
          gatewayClients: Type.Optional(Peers),
          tenantClients: Type.Optional(Peers),
          metricsPort: Type.Optional(MetricsPort),
        },
        closed,
      ),
    ),
    podSecurity: Type.Optional(Type.Object({ assignIds: Type.Optional(Type.Boolean()) }, closed)),
    store: Type.Optional(Type.Object({ postgres: Type.Optional(Type.Union([PostgresFile, Type.Null()])) }, closed)),
    services: Type.Optional(
      Type.Unsafe<Partial<Record<SharedServiceName, ServiceSettings>>>({
        type: 'object',
        // Its names are said in `properties`, what each is once for all: six copies would make a third of the operator's start.
        properties: Object.fromEntries(sharedServiceNames.map((name) => [name, {}])),
        patternProperties: { [`^(?:${sharedServiceNames.join('|')})$`]: ServiceSettings },
        additionalProperties: false,
      }),
    ),
    config: Type.Optional(
      Type.Object(
        {
          'auth-gateway': Type.Optional(FileSettings),
          'operation-node': Type.Optional(FileSettings),
          'cbo-engine': Type.Optional(FileSettings),
          'metadata-catalog': Type.Optional(FileSettings),
          monitoring: Type.Optional(FileSettings),
          'query-interpreter': Type.Optional(FileSettings),
          'tenant-node': Type.Optional(FileSettings),
        },
        closed,
      ),
    ),
  },
  { ...closed, $id: 'SettingsFile' },
);
type SettingsFile = Static<typeof SettingsFile>;

const validator = compileValidator(SettingsFile);

/** Endpoints and balancers follow a pod that is not ready within two of its probes and a second or so. */
const shutdownDelaySecondsDefault = 5;
/** As long as a statement may take by default. */
const shutdownFinishSecondsDefault = 60;

export const servicesImageDefault = 'hybridstore/services:0.1.0';

/** Where cluster DNS usually runs. */
const dnsDefault: readonly NetworkPolicyPeer[] = [
  { namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
];
/** Prometheus as its chart and its operator label it. */
const prometheusDefault: readonly NetworkPolicyPeer[] = [
  { namespaceSelector: {}, podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } } },
];

/** One of them may always be away: for its machine's sake, or to be replaced. */
const replicasDefault = 2;
/** Gateways share out five free failures of a name. */
const gatewaysMax = 5;

const serviceDefault: Omit<SharedServiceSettings, 'replicas'> = {
  enabled: true,
  resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  stateSize: '1Gi',
  env: {},
};

/** Settings from the text of a file (YAML or JSON; empty: all defaults). Throws `invalid_request` naming the field. */
export function parsePlatformSettings(
  text: string,
  place: { readonly namespace: string; readonly logLevel?: string; readonly image?: string },
): PlatformSettings {
  const file = readFile(text);
  const { image, storage, network } = file;
  return {
    namespace: place.namespace,
    logLevel: file.logLevel ?? place.logLevel ?? 'info',
    shutdownDelaySeconds: file.shutdownDelaySeconds ?? shutdownDelaySecondsDefault,
    shutdownFinishSeconds: file.shutdownFinishSeconds ?? shutdownFinishSecondsDefault,
    maxTenantsRolling: file.maxTenantsRolling ?? 1,
    image: {
      services: place.image ?? image?.services ?? servicesImageDefault,
      pullPolicy: image?.pullPolicy ?? 'IfNotPresent',
      pullSecrets: image?.pullSecrets ?? [],
    },
    storage: keepNamed(storage ?? {}),
    network: {
      policies: network?.policies ?? true,
      dns: asPeers(network?.dns) ?? dnsDefault,
      prometheus: asPeers(network?.prometheus) ?? prometheusDefault,
      gatewayClients: asPeers(network?.gatewayClients) ?? [],
      tenantClients: asPeers(network?.tenantClients) ?? [],
      ...(network?.metricsPort === undefined ? {} : { metricsPort: network.metricsPort }),
    },
    podSecurity: { assignIds: file.podSecurity?.assignIds ?? true },
    ...buildPostgres(file.store?.postgres),
    services: buildServices(file),
    config: buildConfig(file),
  };
}

function buildPostgres(given: Static<typeof PostgresFile> | null | undefined): Pick<PlatformSettings, 'postgres'> {
  if (!given) return {};
  const { host, credentialsSecret, caSecret, peers } = given;
  return {
    postgres: {
      host,
      port: given.port ?? 5_432,
      database: given.database ?? 'hybridstore',
      credentialsSecret,
      tlsMode: given.tlsMode ?? 'verify-full',
      ...(caSecret === undefined || caSecret === '' ? {} : { caSecret }),
      peers: asPeers(peers) ?? [],
    },
  };
}

function readFile(text: string): SettingsFile {
  const value: unknown = text.trim() === '' ? {} : parseYaml(text);
  if (validator.check<SettingsFile>(value)) return value;
  throw new HybridStoreError('invalid_request', `SETTINGS_FILE: ${validator.describe()}`, {
    variable: 'SETTINGS_FILE',
  });
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      'SETTINGS_FILE: expected YAML',
      { variable: 'SETTINGS_FILE' },
      { cause },
    );
  }
}

function buildServices(file: SettingsFile): Readonly<Record<SharedServiceName, SharedServiceSettings>> {
  const entries = sharedServiceNames.map((name) => {
    const given = file.services?.[name] ?? {};
    requireEffect(name, given, file);
    const settings: SharedServiceSettings = {
      enabled: given.enabled ?? serviceDefault.enabled,
      replicas: given.replicas ?? (runsOnce(name) ? 1 : replicasDefault),
      stateSize: given.stateSize ?? serviceDefault.stateSize,
      resources: {
        requests: { ...serviceDefault.resources.requests, ...asTexts(given.resources?.requests) },
        limits: { ...serviceDefault.resources.limits, ...asTexts(given.resources?.limits) },
      },
      env: asTexts(given.env),
      ...(given.podTemplate === undefined ? {} : { podTemplate: given.podTemplate }),
      ...(given.serviceAccount === undefined ? {} : { serviceAccount: given.serviceAccount }),
    };
    return [name, settings] as const;
  });
  return Object.fromEntries(entries) as Record<SharedServiceName, SharedServiceSettings>; // one entry a name
}

/** What would change nothing is refused: who wrote it waits for something. */
function requireEffect(name: SharedServiceName, given: ServiceSettings, { config, store }: SettingsFile): void {
  const field = `services.${name}`;
  if (runsOnce(name) && (given.replicas ?? 1) !== 1)
    throw wrongSetting(
      `${field}.replicas`,
      '1, since its state is on a volume that one pod holds (enabled: false runs none)',
      given.replicas,
    );
  const gateways = name === 'auth-gateway' ? given.replicas : undefined;
  if (gateways !== undefined && (gateways < 1 || gateways > gatewaysMax))
    throw wrongSetting(
      `${field}.replicas`,
      `1 to ${gatewaysMax}, among which the bounds on guesses are shared out (enabled: false runs none)`,
      gateways,
    );
  if (name === 'auth-gateway' && store?.postgres && given.stateSize !== undefined)
    throw wrongSetting(`${field}.stateSize`, 'none, since the users are in store.postgres', given.stateSize);
  if (!keepsState(name) && given.stateSize !== undefined)
    throw wrongSetting(`${field}.stateSize`, 'none, since it keeps no state', given.stateSize);
  for (const [variable, place] of Object.entries(podVariables))
    if (given.env?.[variable] !== undefined)
      throw wrongSetting(`${field}.env.${variable}`, `none: it is ${place}`, given.env[variable]);
  if (given.env?.['CONFIG_FILE'] !== undefined && config?.[name] !== undefined)
    throw wrongSetting(`${field}.env.CONFIG_FILE`, `none beside config.${name}`, given.env['CONFIG_FILE']);
  requireOwnPods(name, given);
}

/** Nothing that the operator says of the pods itself. */
function requireOwnPods(name: SharedServiceName, { env = {}, podTemplate, serviceAccount }: ServiceSettings): void {
  const variables = { has: (one: string) => Object.hasOwn(env, one) || isGivenVariable(name, one) };
  const inTemplate = findTemplateProblem(podTemplate, variables);
  if (inTemplate !== undefined) throw invalidSetting(`services.${name}.podTemplate.${inTemplate}`);
  const inAccount = findAccountProblem(serviceAccount);
  if (inAccount !== undefined) throw invalidSetting(`services.${name}.serviceAccount.${inAccount}`);
}

function invalidSetting(problem: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `SETTINGS_FILE: ${problem}`, { variable: 'SETTINGS_FILE' });
}

/** A setting of a process is known to it, does something there, and is not what the operator gives it anyway. */
function buildConfig({ config = {} }: SettingsFile): PlatformSettings['config'] {
  const named = configuredServices.flatMap((service) => {
    const settings = config[service] ?? {};
    if (Object.keys(settings).length === 0) return [];
    checkConfig(service, settings);
    return [[service, settings] as const];
  });
  return Object.fromEntries(named);
}

const checkSections = compileValidator(InterpreterSettingsFile);

function checkConfig(service: ConfiguredService, settings: Settings): void {
  const path = `SETTINGS_FILE: config.${service}`;
  const { values, sections, others } = sortSettings(service, path, settings);
  for (const name of others)
    throw wrongSetting(`config.${service}.${name}`, `none: ${describeReaders(name)}`, settings[name]);
  for (const name of Object.keys(values)) {
    const place = name === 'LOG_LEVEL' ? 'logLevel of the chart' : placeOf(service, name);
    if (place !== undefined) throw wrongSetting(`config.${service}.${name}`, `none: it is ${place}`, settings[name]);
  }
  if (!checkSections.check(sections))
    throw new HybridStoreError('invalid_request', `${path}: ${checkSections.describe()}`, {
      variable: 'SETTINGS_FILE',
    });
}

function describeReaders(name: string): string {
  return `it is read by ${readersOf(name).join(' and ') || 'query-interpreter'}`;
}

function wrongSetting(field: string, expected: string, actual: unknown): HybridStoreError {
  const message = `SETTINGS_FILE: ${field}: expected ${expected}, found ${JSON.stringify(actual)}`;
  return new HybridStoreError('invalid_request', message, { variable: 'SETTINGS_FILE', field });
}

function asTexts(values: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** Peers are handed on to the API server, which checks them. */
function asPeers(peers: readonly unknown[] | undefined): readonly NetworkPolicyPeer[] | undefined {
  return peers as readonly NetworkPolicyPeer[] | undefined;
}

function keepNamed<T extends Readonly<Record<string, string | undefined>>>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '' && value !== undefined)) as T; // fewer keys of the same shape
}
