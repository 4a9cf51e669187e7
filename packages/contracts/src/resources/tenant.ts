import { type Static, Type } from 'typebox';
import {
  Conditions,
  Count,
  deletionPolicies,
  ObjectName,
  ObservedGeneration,
  Quantity,
  Timestamp,
  withRules,
} from './fields.ts';
import { VolumeMetadata } from './own-metadata.ts';
import { PodTemplate, ServiceAccountSettings } from './pod-template.ts';

export const replicasMax = 100;

export const autoscalingModes = ['Auto', 'Recommend', 'Off'] as const;

const ScalingPolicy = Type.Object(
  {
    type: Type.Enum(['Pods', 'Percent'], { description: 'unit of `value`' }),
    value: Type.Integer({ minimum: 1, maximum: 1_000, description: 'largest change within the period' }),
    periodSeconds: Type.Integer({ minimum: 1, maximum: 1_800, description: 'window over which changes are summed' }),
  },
  { additionalProperties: false, description: 'bound on how fast the size may change; the widest bound counts' },
);
export type ScalingPolicy = Static<typeof ScalingPolicy>;

const scalingPoliciesMax = 8;

/** As in HPA v2: the desired size that counts is the lowest (up) or the highest (down) of the stabilization window. */
export const ScalingBehavior = Type.Object(
  {
    metricsIntervalSeconds: Type.Integer({
      minimum: 1,
      maximum: 300,
      default: 15,
      description: 'seconds between two measurements; samples older than two intervals are stale',
    }),
    scaleUp: Type.Object(
      {
        stabilizationWindowSeconds: Type.Integer({
          minimum: 0,
          maximum: 3_600,
          default: 0,
          description: 'seconds for which a higher demand must last',
        }),
        policies: Type.Array(ScalingPolicy, {
          maxItems: scalingPoliciesMax,
          default: [
            { type: 'Pods', value: 4, periodSeconds: 15 },
            { type: 'Percent', value: 100, periodSeconds: 15 },
          ],
          description: 'bounds on growth; empty means none',
          'x-kubernetes-list-type': 'atomic',
        }),
      },
      { additionalProperties: false, default: {}, description: 'how the tenant grows' },
    ),
    scaleDown: Type.Object(
      {
        stabilizationWindowSeconds: Type.Integer({
          minimum: 0,
          maximum: 3_600,
          default: 300,
          description: 'seconds for which a lower demand must last',
        }),
        policies: Type.Array(ScalingPolicy, {
          maxItems: scalingPoliciesMax,
          default: [],
          description: 'bounds on shrinking, besides the drain of each leaving node; empty means none',
          'x-kubernetes-list-type': 'atomic',
        }),
      },
      { additionalProperties: false, default: {}, description: 'how the tenant shrinks' },
    ),
  },
  { additionalProperties: false, default: {}, description: 'how fast decisions are taken and carried out' },
);
export type ScalingBehavior = Static<typeof ScalingBehavior>;

export const Autoscaling = Type.Object(
  {
    mode: Type.Enum([...autoscalingModes], {
      default: 'Auto',
      description:
        'Auto scales, Recommend only reports, "Off" (quoted: YAML reads a bare Off as false) follows spec.replicas',
    }),
    minReplicas: Type.Integer({ minimum: 1, maximum: replicasMax, default: 2, description: 'fewest nodes' }),
    maxReplicas: Type.Integer({ minimum: 1, maximum: replicasMax, default: 50, description: 'most nodes' }),
    scaleUpThresholdCPU: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 70,
      description: 'percent of the CPU request, mean over ready nodes, above which the tenant grows',
    }),
    scaleDownThresholdCPU: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 30,
      description: 'percent of the CPU request, mean over ready nodes, below which the tenant shrinks',
    }),
    memory: Type.Optional(
      Type.Object(
        {
          scaleUpThreshold: Type.Integer({
            minimum: 1,
            maximum: 100,
            default: 80,
            description: 'percent of the memory limit, mean over ready nodes, above which the tenant grows',
          }),
        },
        { additionalProperties: false, description: 'also grow by memory; absent means not measured' },
      ),
    ),
    queue: Type.Optional(
      Type.Object(
        {
          scaleUpWaitMs: Type.Integer({
            minimum: 1,
            maximum: 600_000,
            default: 1_000,
            description: 'mean milliseconds that queries wait for a node, above which the tenant grows',
          }),
        },
        { additionalProperties: false, description: 'also grow by the wait of queries; absent means not measured' },
      ),
    ),
    behavior: ScalingBehavior,
  },
  {
    additionalProperties: false,
    default: {},
    description: 'how many nodes the tenant gets',
    ...withRules(
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'minReplicas must not be greater than maxReplicas',
      },
      {
        rule: 'self.scaleDownThresholdCPU < self.scaleUpThresholdCPU',
        message: 'scaleDownThresholdCPU must be less than scaleUpThresholdCPU',
      },
    ),
  },
);
export type Autoscaling = Static<typeof Autoscaling>;

/** What a node and its executor take before they serve anything. */
export const nodeMemoryBytesMin = 134_217_728;

/** A quantity in CEL, which is a text or a whole number, as a number. */
function amountOf(field: string): string {
  return `(type(${field}) == int ? double(${field}) : quantity(${field}).asApproximateFloat())`;
}

const Resources = Type.Object(
  {
    requests: Type.Object(
      {
        cpu: Quantity({ default: '500m', description: 'CPU that a node is promised; autoscaling is relative to it' }),
        memory: Quantity({ default: '1Gi', description: 'memory that a node is promised' }),
      },
      { additionalProperties: false, default: {}, description: 'what a node is promised' },
    ),
    limits: Type.Object(
      {
        cpu: Type.Optional(Quantity({ description: 'CPU that a node may not exceed; absent means no limit' })),
        memory: Quantity({ default: '2Gi', description: 'memory that a node may not exceed' }),
      },
      { additionalProperties: false, default: {}, description: 'what a node may not exceed' },
    ),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'CPU and memory of one node',
    ...withRules(
      {
        rule: `${amountOf('self.limits.memory')} >= ${nodeMemoryBytesMin}.0`,
        message: 'limits.memory: expected at least 128Mi, below which a node cannot start',
      },
      {
        rule: `${amountOf('self.requests.memory')} <= ${amountOf('self.limits.memory')}`,
        message: 'requests.memory: expected at most limits.memory',
      },
      {
        rule: `!has(self.limits.cpu) || ${amountOf('self.requests.cpu')} <= ${amountOf('self.limits.cpu')}`,
        message: 'requests.cpu: expected at most limits.cpu',
      },
    ),
  },
);

const StorageClassName = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
  maxLength: 253,
  description: "storage class; absent means the operator's setting, else the cluster's default",
});

const LogVolume = Type.Object(
  {
    size: Quantity({
      default: '10Gi',
      description: 'size of the log volume of one node; it may grow where the storage class allows it',
    }),
    storageClassName: Type.Optional(StorageClassName),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'volume of the write-ahead log, one a node; the size may grow, the class is fixed once one is bound',
  },
);

const SharedVolume = Type.Object(
  {
    size: Quantity({
      default: '50Gi',
      description: 'size of the volume; it may grow where the storage class allows it',
    }),
    storageClassName: Type.Optional(StorageClassName),
    existingClaim: Type.Optional(ObjectName('ReadWriteMany claim of the same namespace to use instead of a new one')),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'ReadWriteMany volume with the tables of the tenant',
    ...withRules(
      {
        rule: 'has(self.existingClaim) == has(oldSelf.existingClaim) && (!has(self.existingClaim) || self.existingClaim == oldSelf.existingClaim)',
        message: 'storage.data.sharedVolume.existingClaim is immutable',
      },
      {
        rule: '!has(self.existingClaim) || !has(self.storageClassName)',
        message: 'storageClassName has no meaning beside existingClaim',
      },
    ),
  },
);

/** Below it the engine has no room for the blocks that it spills at once. */
export const spillBytesMin = 67_108_864;

/** The chosen size decides on the template of the pods: a default that changes restarts the nodes of all tenants, in turn. */
export const spillSizeDefault = '4Gi';

const Spill = Type.Object(
  {
    size: Quantity({
      default: spillSizeDefault,
      description:
        'disk of its machine that a node may use for what statements cannot hold in memory, nine tenths of it for the rows themselves; 0: none, such statements are refused',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'room for large sorts, groups and joins, empty at each start of a node',
    ...withRules({
      rule: `${amountOf('self.size')} == 0.0 || ${amountOf('self.size')} >= ${spillBytesMin}.0`,
      message: 'storage.spill.size: expected 0, which turns spilling off, or at least 64Mi',
    }),
  },
);

const Storage = Type.Object(
  {
    log: LogVolume,
    spill: Spill,
    data: Type.Object(
      { sharedVolume: SharedVolume },
      { additionalProperties: false, default: {}, description: 'where tables live; a shared volume is the only kind' },
    ),
  },
  { additionalProperties: false, default: {}, description: 'volumes of the tenant' },
);

const Limits = Type.Object(
  {
    maxConcurrentSearches: Type.Integer({
      minimum: 1,
      maximum: 1_000,
      default: 10,
      description: 'searches that a node runs at once',
    }),
    statementTimeoutSeconds: Type.Integer({
      minimum: 1,
      maximum: 3_600,
      default: 60,
      description: 'seconds after which a statement is stopped',
    }),
    resultBytesMax: Type.Integer({
      minimum: 1_024,
      maximum: 68_719_476_736,
      default: 1_073_741_824,
      format: 'int64',
      description: 'bytes of one answer',
    }),
    memory: Type.Optional(
      Quantity({
        description:
          'memory of the SQL executor of a node; absent means half the limit; at most what the limit leaves beside the other processes of the node',
      }),
    ),
  },
  { additionalProperties: false, default: {}, description: 'bounds on what the tenant may ask of a node' },
);

const Wal = Type.Object(
  {
    retentionHours: Type.Integer({
      minimum: 0,
      maximum: 8_760,
      default: 24,
      description: 'hours for which flushed log segments are kept',
    }),
    durability: Type.Enum(['Fsync'], {
      default: 'Fsync',
      description: 'Fsync: a write is acknowledged after it is on disk',
    }),
  },
  { additionalProperties: false, default: {}, description: 'write-ahead log' },
);

/** Amounts of the ResourceQuota made beside the tenant; a quota counts all pods and claims of the namespace. */
const Quota = Type.Object(
  {
    cpu: Type.Optional(Quantity({ description: 'sum of the CPU requests' })),
    memory: Type.Optional(Quantity({ description: 'sum of the memory requests' })),
    storage: Type.Optional(Quantity({ description: 'sum of the sizes of the volumes' })),
    pods: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'pods of the namespace' })),
  },
  {
    additionalProperties: false,
    description: 'makes a ResourceQuota and a LimitRange in the namespace, which count everything in it; absent: none',
    ...withRules({
      rule: 'has(self.cpu) || has(self.memory) || has(self.storage) || has(self.pods)',
      message: 'quota must name at least one of cpu, memory, storage, pods',
    }),
  },
);

export const TenantSpec = Type.Object(
  {
    displayName: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'name for people' })),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: replicasMax,
        description:
          'number of nodes, only where autoscaling.mode is Off; absent means autoscaling.minReplicas, and 0 in the scale',
      }),
    ),
    autoscaling: Autoscaling,
    resources: Resources,
    storage: Storage,
    limits: Limits,
    wal: Wal,
    quota: Type.Optional(Quota),
    podTemplate: Type.Optional(PodTemplate),
    serviceAccount: Type.Optional(ServiceAccountSettings),
    volumeMetadata: Type.Optional(VolumeMetadata),
    hibernated: Type.Boolean({ default: false, description: 'drains and stops all nodes; volumes are kept' }),
    deletionPolicy: Type.Enum([...deletionPolicies], {
      default: 'Retain',
      description: 'what happens to the volumes when the Tenant is deleted',
    }),
    paused: Type.Optional(
      Type.Boolean({
        description:
          'while true, the operator makes, changes and deletes nothing of the tenant; so does the annotation hybridstore.dev/paused: "true"; a deleted Tenant goes all the same',
      }),
    ),
    preventDeletion: Type.Boolean({
      default: false,
      description:
        'while true, the Tenant cannot be deleted; where no admission policy refuses it, a deleted one stays and serves',
    }),
    version: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$',
        description: "tag of the operator's image repository that the nodes run; absent means the operator's own",
      }),
    ),
    image: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,510}$',
        description: 'full image reference of the nodes, for registries of your own',
      }),
    ),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'wanted state of the tenant',
    ...withRules(
      {
        rule: "!has(self.replicas) || self.autoscaling.mode == 'Off'",
        message: 'replicas may be set only where autoscaling.mode is Off',
      },
      { rule: '!(has(self.version) && has(self.image))', message: 'only one of version and image may be set' },
    ),
  },
);
export type TenantSpec = Static<typeof TenantSpec>;

const LeavingNode = Type.Object(
  {
    pod: Type.String({ maxLength: 253, description: 'name of the leaving node' }),
    state: Type.Enum(['Draining', 'Drained'], { description: 'how far the hand-over is' }),
    since: Timestamp('when the hand-over began'),
    unflushedRows: Type.Optional(Count('rows still to be committed, as last reported')),
    message: Type.Optional(Type.String({ maxLength: 1_024, description: 'why the hand-over does not proceed' })),
  },
  { additionalProperties: false, description: 'a node that hands over before it leaves' },
);
export type LeavingNode = Static<typeof LeavingNode>;

const ScalingDecision = Type.Object(
  {
    time: Timestamp('when it was decided'),
    from: Count('nodes before'),
    to: Count('nodes wanted'),
    reason: Type.String({ maxLength: 128, description: 'why, as one UpperCamelCase word' }),
    message: Type.String({ maxLength: 1_024, description: 'why, for people' }),
  },
  { additionalProperties: false, description: 'last decision that changed the wanted size' },
);
export type ScalingDecision = Static<typeof ScalingDecision>;

/** Any that Kubernetes writes: more forms than a spec may use. */
const quantityCharactersMax = 32;

const VolumesStatus = Type.Object(
  {
    phase: Type.Enum(['Unbound', 'Bound'], {
      description: 'Unbound while no volume was ever chosen: nothing is stored',
    }),
    capacity: Type.Optional(
      Type.String({ maxLength: quantityCharactersMax, description: 'what the smallest bound volume has' }),
    ),
    storageClassName: Type.Optional(Type.String({ maxLength: 253, description: 'class of the bound volumes' })),
  },
  { additionalProperties: false, description: 'volumes of one use' },
);

const GivingUp = Type.Object(
  {
    request: Type.String({
      maxLength: 512,
      description: 'the annotation hybridstore.dev/give-up-node that this answers',
    }),
    state: Type.Enum(['Asked', 'GivenUp', 'Refused'], {
      description: 'Asked waits for the number of rows, Refused says why it cannot be',
    }),
    pod: Type.Optional(Type.String({ maxLength: 253, description: 'the node' })),
    rows: Type.Optional(Count('rows that may be lost')),
    message: Type.String({ maxLength: 1_024, description: 'for people' }),
  },
  { additionalProperties: false, description: 'what became of giving a node up' },
);
export type GivingUp = Static<typeof GivingUp>;

export const TenantStatus = Type.Object(
  {
    observedGeneration: Type.Optional(ObservedGeneration),
    conditions: Type.Optional(Conditions),
    replicas: Type.Optional(Count('nodes that exist')),
    readyReplicas: Type.Optional(Count('nodes that take part')),
    desiredReplicas: Type.Optional(Count('nodes that the operator wants')),
    recommendedReplicas: Type.Optional(Count('nodes that the metrics ask for')),
    selector: Type.Optional(Type.String({ maxLength: 1_024, description: 'label selector of the nodes' })),
    endpoints: Type.Optional(
      Type.Object(
        {
          service: Type.String({ maxLength: 512, description: 'address of any ready node' }),
          nodes: Type.String({ maxLength: 512, description: 'domain under which each node has its name' }),
        },
        { additionalProperties: false, description: 'addresses within the cluster' },
      ),
    ),
    metrics: Type.Optional(
      Type.Object(
        {
          cpuPercent: Type.Optional(Count('percent of the CPU request, mean over ready nodes')),
          memoryPercent: Type.Optional(Count('percent of the memory limit, mean over ready nodes')),
          queueWaitMs: Type.Optional(Count('mean milliseconds that queries wait')),
        },
        { additionalProperties: false, description: 'measurements, renewed when they change noticeably' },
      ),
    ),
    lastScaling: Type.Optional(ScalingDecision),
    storage: Type.Optional(
      Type.Object(
        { log: VolumesStatus, data: VolumesStatus },
        { additionalProperties: false, description: 'what volumes there are' },
      ),
    ),
    givingUp: Type.Optional(GivingUp),
    leaving: Type.Optional(
      Type.Array(LeavingNode, {
        maxItems: replicasMax,
        description: 'nodes that hand over before they leave',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['pod'],
      }),
    ),
  },
  { additionalProperties: false, description: 'observed state of the tenant' },
);
export type TenantStatus = Static<typeof TenantStatus>;

const isReported = 'has(self.status) && has(self.status.storage)';

/** A typing error can be mended while nothing is stored, and a class goes back to what the volumes have. */
function classIsFixed(path: string, use: 'log' | 'data') {
  const [now, before] = [`self.spec.storage.${path}`, `oldSelf.spec.storage.${path}`];
  const [field, status] = ['storageClassName', `self.status.storage.${use}`];
  const isSame = `has(${now}.${field}) == has(${before}.${field}) && (!has(${now}.${field}) || ${now}.${field} == ${before}.${field})`;
  const isBack = `has(${now}.${field}) && has(${status}.${field}) && ${now}.${field} == ${status}.${field}`;
  return {
    rule: `(${isSame}) || (${isReported} && (${status}.phase == 'Unbound' || (${isBack})))`,
    message: `storage.${path}.${field} is immutable once a volume is bound`,
  };
}

const logSize = 'spec.storage.log.size';
const logStatus = 'self.status.storage.log';

/** Rules that need the object's name, or its status. */
export const tenantRules = [
  {
    rule: [
      `self.${logSize} == oldSelf.${logSize}`,
      `${amountOf(`self.${logSize}`)} >= ${amountOf(`oldSelf.${logSize}`)}`,
      `(${isReported} && ${logStatus}.phase == 'Unbound')`,
      `(${isReported} && has(${logStatus}.capacity) && ${amountOf(`self.${logSize}`)} >= quantity(${logStatus}.capacity).asApproximateFloat())`,
    ].join(' || '),
    message: 'storage.log.size may only grow, or go back to what the volumes have',
  },
  classIsFixed('log', 'log'),
  classIsFixed('data.sharedVolume', 'data'),
  {
    rule: "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message: 'metadata.name must be a DNS label of at most 40 characters that begins with a letter',
  },
] as const;

export const tenantConditionTypes = [
  'Ready',
  'Progressing',
  'Degraded',
  'ScalingActive',
  'DataSafe',
  'StorageReady',
  'Paused',
] as const;
export type TenantConditionType = (typeof tenantConditionTypes)[number];
