import { services } from '@hybridstore/contracts';
import type { NetworkPolicyPeer } from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import { type Static, Type } from 'typebox';
import { parse } from 'yaml';
import { probePort, type SharedServiceName, sharedServiceNames } from './resources/names.ts';
import type { PlatformSettings, SharedServiceSettings } from './resources/settings.ts';

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
  },
  closed,
);

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
    services: Type.Optional(
      Type.Object(
        {
          'auth-gateway': Type.Optional(ServiceSettings),
          'operation-node': Type.Optional(ServiceSettings),
          'cbo-engine': Type.Optional(ServiceSettings),
          'metadata-catalog': Type.Optional(ServiceSettings),
          monitoring: Type.Optional(ServiceSettings),
          'query-interpreter': Type.Optional(ServiceSettings),
        },
        closed,
      ),
    ),
  },
  { ...closed, $id: 'SettingsFile' },
);
type SettingsFile = Static<typeof SettingsFile>;

const validator = compileValidator(SettingsFile);

export const servicesImageDefault = 'hybridstore/services:0.1.0';

/** Where cluster DNS usually runs. */
const dnsDefault: readonly NetworkPolicyPeer[] = [
  { namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
];
/** Prometheus as its chart and its operator label it. */
const prometheusDefault: readonly NetworkPolicyPeer[] = [
  { namespaceSelector: {}, podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } } },
];

const serviceDefault: SharedServiceSettings = {
  enabled: true,
  replicas: 1,
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
    services: buildServices(file),
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
    const settings: SharedServiceSettings = {
      enabled: given.enabled ?? serviceDefault.enabled,
      replicas: given.replicas ?? serviceDefault.replicas,
      stateSize: given.stateSize ?? serviceDefault.stateSize,
      resources: {
        requests: { ...serviceDefault.resources.requests, ...asTexts(given.resources?.requests) },
        limits: { ...serviceDefault.resources.limits, ...asTexts(given.resources?.limits) },
      },
      env: asTexts(given.env),
    };
    return [name, settings] as const;
  });
  return Object.fromEntries(entries) as Record<SharedServiceName, SharedServiceSettings>; // one entry a name
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
