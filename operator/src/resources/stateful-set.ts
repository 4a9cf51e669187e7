import { type TenantSpec, tenantNodeIssuer } from '@hybridstore/contracts';
import type {
  Labels,
  PersistentVolumeClaimSpec,
  PodTemplateSpec,
  ResourceRequirements,
  StatefulSet,
  Volume,
} from '@hybridstore/controller-runtime';
import { canonicalQuantity, quantityToNumber } from '@hybridstore/controller-runtime';
import type { HeldTemplate } from './held-template.ts';
import {
  logVolumeName,
  nodesDomain,
  nodeUrl,
  settingsKey,
  sharedServiceUrl,
  tenantIdOf,
  tenantKeysSecretName,
} from './names.ts';
import {
  buildPodSpec,
  scrapeAnnotations,
  shutdownVariables,
  sidePortVariables,
  temporaryBytes,
  toEnvironment,
} from './pod.ts';
import { buildPodMetadata } from './pod-template.ts';
import type { PlatformSettings } from './settings.ts';
import { buildSettingsMount, type SettingsMount } from './settings-file.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

const dataFolder = '/var/lib/hybridstore/data';
const logFolder = '/var/lib/hybridstore/log';
const spillFolder = '/var/lib/hybridstore/spill';
/** Below it DuckDB cannot open a table. */
const executorMebibytesMin = 64;

/** What the API server lets nobody change of a living set. */
export type FixedSetFields = Pick<
  NonNullable<StatefulSet['spec']>,
  'serviceName' | 'podManagementPolicy' | 'selector' | 'volumeClaimTemplates'
>;

/** As the set was made: other settings, or another operator, are for the sets that are made after them. */
export function readFixedFields(living: StatefulSet | undefined): FixedSetFields | undefined {
  if (living?.spec === undefined) return undefined;
  const { serviceName, podManagementPolicy, selector, volumeClaimTemplates } = living.spec;
  return {
    selector,
    ...(serviceName === undefined ? {} : { serviceName }),
    ...(podManagementPolicy === undefined ? {} : { podManagementPolicy }),
    ...(volumeClaimTemplates === undefined ? {} : { volumeClaimTemplates }),
  };
}

/** Of the set that lives already, where there is one; and what the new one says of its template. */
export type SetOptions = {
  readonly fixed?: FixedSetFields | undefined;
  readonly annotations?: Labels;
  readonly held?: HeldTemplate | undefined;
};

/** The nodes of a tenant: each with its own log volume, all with the shared tables. */
export function buildStatefulSet(input: TenantInput, replicas: number, options: SetOptions = {}): StatefulSet {
  const { tenant } = input;
  const { fixed = buildFixedFields(input), annotations = {}, held } = options;
  const { selector, volumeClaimTemplates, ...named } = fixed;
  const metadata = ownedMetadata(tenant, tenant.names.base);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    spec: {
      replicas,
      ...named,
      updateStrategy: { type: 'RollingUpdate' },
      revisionHistoryLimit: 5,
      // Volumes outlive pods and the set: the operator alone decides when acknowledged data may go.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      selector,
      template: held?.template ?? buildNodeTemplate(input, fixed),
      ...(volumeClaimTemplates === undefined ? {} : { volumeClaimTemplates }),
    },
  };
}

/** What its pods are made from, as the Tenant and the platform want it now. */
export function buildNodeTemplate(input: TenantInput, fixed = buildFixedFields(input)): PodTemplateSpec {
  const { tenant, spec, settings } = input;
  const mount = buildSettingsMount(settings.config['tenant-node'], tenant.names.base, settingsKey('tenant-node'));
  return {
    metadata: buildPodMetadata(spec.podTemplate, {
      labels: { ...tenant.labels, ...fixed.selector.matchLabels },
      annotations: { ...scrapeAnnotations('tenant-node', settings.network.metricsPort), ...mount.annotations },
    }),
    spec: buildNodePod(input, mount, fixed),
  };
}

function buildFixedFields(input: TenantInput): FixedSetFields {
  const { tenant } = input;
  return {
    serviceName: tenant.names.headlessService,
    // Nodes do not wait for each other: a restart of all takes as long as the slowest recovery.
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: tenant.selector },
    volumeClaimTemplates: [buildLogClaim(input)],
  };
}

function buildNodePod(input: TenantInput, mount: SettingsMount, fixed: FixedSetFields) {
  const { tenant, spec, settings } = input;
  const { names, selector } = tenant;
  return buildPodSpec({
    service: 'tenant-node',
    image: chooseImage(spec, settings),
    settings,
    template: spec.podTemplate,
    serviceAccountName: names.base,
    keys: { jwksConfigMap: names.base, signingSecret: tenantKeysSecretName, signingKey: tenant.key.name },
    env: toEnvironment({ ...mount.variables, ...buildNodeVariables(input, fixed) }),
    resources: buildResources(spec),
    volumes: [buildDataVolume(input), ...buildSpillVolume(spec), ...mount.volumes],
    volumeMounts: [
      { name: 'data', mountPath: dataFolder },
      { name: logVolumeName, mountPath: logFolder },
      ...(spillBytes(spec) === 0 ? [] : [{ name: 'spill', mountPath: spillFolder }]),
      ...mount.volumeMounts,
    ],
    selector,
  });
}

function buildNodeVariables(
  { tenant, spec, settings }: TenantInput,
  fixed: FixedSetFields,
): Readonly<Record<string, string>> {
  const { key } = tenant;
  const { limits } = spec;
  return {
    TENANT_ID: tenantIdOf(key),
    TENANT_NAME: spec.displayName ?? key.name,
    DATA_PATH: dataFolder,
    LOG_PATH: logFolder,
    ...shutdownVariables(settings, spec.podTemplate),
    SERVICE_ISSUER: tenantNodeIssuer(tenantIdOf(key)),
    // The node puts its own name in: one template serves all pods.
    NODE_URL: nodeUrl(nodesDomain(key, fixed.serviceName), '{pod}'),
    METADATA_CATALOG_URL: sharedServiceUrl('metadata-catalog', settings.namespace),
    AUTH_GATEWAY_URL: sharedServiceUrl('auth-gateway', settings.namespace),
    MAX_CONCURRENT_SEARCHES: String(limits.maxConcurrentSearches),
    STATEMENT_TIMEOUT_SECONDS: String(limits.statementTimeoutSeconds),
    RESULT_BYTES_MAX: String(limits.resultBytesMax),
    WAL_RETENTION_HOURS: String(spec.wal.retentionHours),
    LOG_BYTES_MAX: String(committedLogBytes(readLogVolume(fixed)?.size ?? String(spec.storage.log.size))),
    DUCKDB_MEMORY_LIMIT: executorMemory(spec),
    MEMORY_BYTES_MAX: String(Math.floor(quantityToNumber(String(spec.resources.limits.memory)))),
    SPILL_PATH: spillBytes(spec) === 0 ? '' : spillFolder,
    SPILL_BYTES_MAX: String(Math.floor(spillBytes(spec) * spillShare)),
    ...sidePortVariables(settings.network.metricsPort),
  };
}

const logBytesDefault = 2 * 1024 ** 3;
/** The rest of the volume is for rows that are not committed yet, and for what the writers spill. */
const committedLogShare = 0.5;

/** Committed segments that are kept for their time must not fill a small volume. */
function committedLogBytes(logSize: string): number {
  return Math.min(logBytesDefault, Math.floor(quantityToNumber(logSize) * committedLogShare));
}

/** The kubelet evicts a pod whose volume passes its size: the engine stops before. */
const spillShare = 0.9;
/** Of a node, for its lines of log and what it writes into its own file system, until the kubelet turns them over. */
const logBytes = 1024 ** 3;

function spillBytes({ storage }: TenantSpec): number {
  return Math.floor(quantityToNumber(String(storage.spill.size)));
}

function buildSpillVolume(spec: TenantSpec): readonly Volume[] {
  if (spillBytes(spec) === 0) return [];
  return [{ name: 'spill', emptyDir: { sizeLimit: String(spec.storage.spill.size) } }];
}

/** As DuckDB writes sizes. Without a bound of its own the executor gets half of the node's memory. */
function executorMemory({ limits, resources }: TenantSpec): string {
  const bytes =
    limits.memory === undefined
      ? quantityToNumber(String(resources.limits.memory)) / 2
      : quantityToNumber(String(limits.memory));
  return `${Math.max(executorMebibytesMin, Math.floor(bytes / 1_048_576))}MiB`;
}

/** The tenant's own image, its version of the operator's repository, or what the operator runs. */
export function chooseImage(spec: TenantSpec, settings: PlatformSettings): string {
  if (spec.image !== undefined) return spec.image;
  if (spec.version === undefined) return settings.image.services;
  return `${repositoryOf(settings.image.services)}:${spec.version}`;
}

/** An image reference without tag and digest; a colon before the last slash is a registry's port. */
function repositoryOf(image: string): string {
  const withoutDigest = image.split('@')[0] ?? image;
  const colon = withoutDigest.lastIndexOf(':');
  return colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
}

function buildResources(spec: TenantSpec): ResourceRequirements {
  const { requests, limits } = spec.resources;
  const disk = buildDiskResources(spec);
  return {
    requests: { cpu: String(requests.cpu), memory: String(requests.memory), ...disk.requests },
    limits: {
      ...(limits.cpu === undefined ? {} : { cpu: String(limits.cpu) }),
      memory: String(limits.memory),
      ...disk.limits,
    },
  };
}

/** A machine that has no room for what a node may spill does not get it. The limit is for all that a pod writes beside its claims. */
function buildDiskResources(spec: TenantSpec) {
  const bytes = spillBytes(spec);
  if (bytes === 0) return { requests: {}, limits: {} };
  const limit = bytes + quantityToNumber(temporaryBytes) + logBytes;
  return {
    requests: { 'ephemeral-storage': String(spec.storage.spill.size) },
    limits: { 'ephemeral-storage': canonicalQuantity(`${Math.ceil(limit / 1024 ** 2)}Mi`) },
  };
}

function buildDataVolume({ tenant, spec }: TenantInput): Volume {
  const claimName = spec.storage.data.sharedVolume.existingClaim ?? tenant.names.dataClaim;
  return { name: 'data', persistentVolumeClaim: { claimName } };
}

/**
 * Only what cannot change: the API server refuses any edit of claim templates. It also fills in volumeMode and status and
 * the list is one value to server-side apply, so these are written out: else each comparison would find a difference.
 */
function buildLogClaim(input: TenantInput) {
  const { storageClassName, size } = chooseLogVolume(input);
  const claim: PersistentVolumeClaimSpec = {
    accessModes: ['ReadWriteOnce'],
    ...(storageClassName === undefined ? {} : { storageClassName }),
    resources: { requests: { storage: size } },
    volumeMode: 'Filesystem',
  };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: logVolumeName, labels: input.tenant.labels },
    spec: claim,
    status: { phase: 'Pending' },
  } as const;
}

/** What log volumes are made like. Without a class the cluster chooses one. */
export type LogVolume = { readonly storageClassName: string | undefined; readonly size: string };

/** As the Tenant asks for now. */
export function chooseLogVolume({ spec, settings }: Pick<TenantInput, 'spec' | 'settings'>): LogVolume {
  const { storageClassName, size } = spec.storage.log;
  return { storageClassName: storageClassName ?? settings.storage.logStorageClassName, size: String(size) };
}

/** As a set was made to ask for: what every log volume has at least, for those that have not grown yet. */
export function readLogVolume({ volumeClaimTemplates = [] }: FixedSetFields): LogVolume | undefined {
  const claim = volumeClaimTemplates.find(({ metadata }) => metadata?.name === logVolumeName);
  const size = claim?.spec?.resources?.requests?.storage;
  return size === undefined ? undefined : { storageClassName: claim?.spec?.storageClassName, size };
}
