import { type Static, Type } from 'typebox';
import { ObjectName, withRules } from './fields.ts';
import { labelValue, OwnAnnotations, OwnLabels, TextMap } from './own-metadata.ts';

/**
 * What people may say of the pods that the operator makes: where they run, what they wear, what they are given besides.
 * Names, shapes and meanings are those of Kubernetes (core/v1, PodTemplateSpec); a field stands here once something is made
 * of it. What would take the operator's own away is refused by name.
 *
 * Deliberately left out: containers, volumes, host namespaces, dnsPolicy (nodes find each other by the cluster's names) and
 * whatever the Pod Security Standard `restricted` forbids.
 */

/** Variables of a tenant's nodes that the operator sets itself; most follow from another field of the Tenant. */
export const reservedNodeVariables = [
  'AUTH_GATEWAY_URL',
  'CONFIG_FILE',
  'DATA_PATH',
  'DUCKDB_MEMORY_LIMIT',
  'HOST',
  'HYBRIDSTORE_HOSTS_FILE',
  'HYBRIDSTORE_VERSION',
  'JWKS_FILE',
  'KUBERNETES_SERVICE_HOST',
  'LOG_BYTES_MAX',
  'LOG_LEVEL',
  'LOG_LEVEL_FILE',
  'LOG_PATH',
  'MAX_CONCURRENT_SEARCHES',
  'MEMORY_BYTES_MAX',
  'METADATA_CATALOG_URL',
  'METRICS_PORT',
  'NODE_URL',
  'POD_IP',
  'POD_NAME',
  'POD_NAMESPACE',
  'PORT',
  'PROBE_PORT',
  'RESULT_BYTES_MAX',
  'SERVICE_ISSUER',
  'SERVICE_SECRET_FILE',
  'SHUTDOWN_DELAY_SECONDS',
  'SHUTDOWN_FINISH_SECONDS',
  'SPILL_BYTES_MAX',
  'SPILL_PATH',
  'STATEMENT_TIMEOUT_SECONDS',
  'TENANT_ID',
  'TENANT_NAME',
  'WAL_RETENTION_HOURS',
] as const;

/** The Secret with the keys of all tenants of a namespace: a node gets its own, and no other. */
export const tenantKeysSecretName = 'hybridstore-tenant-keys';

/** Up to 15 s until nobody sends it requests any more, and 30 to close; the rest is for requests to end. */
export const terminationGracePeriodSecondsMin = 45;

const itemsMax = 32;
const termsMax = 16;
const variablesMax = 64;
const idMax = 2_147_483_647;
const closed = { additionalProperties: false } as const;
const atomic = { 'x-kubernetes-list-type': 'atomic' } as const;
const keyedByName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } as const;

const LabelValue = Type.String({ ...labelValue, description: 'value' });
const Key = (description: string) => Type.String({ minLength: 1, maxLength: 317, description });

const LabelSelector = (description: string) =>
  Type.Object(
    {
      matchLabels: Type.Optional(TextMap(labelValue, { description: 'labels that all must be there' })),
      matchExpressions: Type.Optional(
        Type.Array(
          Type.Object(
            {
              key: Key('label'),
              operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist'], { description: 'relation' }),
              values: Type.Optional(Type.Array(LabelValue, { maxItems: itemsMax, description: 'values', ...atomic })),
            },
            { ...closed, description: 'one requirement' },
          ),
          { maxItems: itemsMax, description: 'requirements that all must hold', ...atomic },
        ),
      ),
    },
    { ...closed, description },
  );

const Requirements = (description: string) =>
  Type.Optional(
    Type.Array(
      Type.Object(
        {
          key: Key('label or field of the machine'),
          operator: Type.Enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'], { description: 'relation' }),
          values: Type.Optional(Type.Array(LabelValue, { maxItems: itemsMax, description: 'values', ...atomic })),
        },
        { ...closed, description: 'one requirement' },
      ),
      { maxItems: itemsMax, description, ...atomic },
    ),
  );

const NodeSelectorTerm = Type.Object(
  {
    matchExpressions: Requirements('requirements on labels that all must hold'),
    matchFields: Requirements('requirements on fields that all must hold'),
  },
  { ...closed, description: 'one set of requirements' },
);

const Weight = Type.Integer({ minimum: 1, maximum: 100, description: 'how much it counts' });

const NodeAffinity = Type.Object(
  {
    requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
      Type.Object(
        {
          nodeSelectorTerms: Type.Array(NodeSelectorTerm, {
            minItems: 1,
            maxItems: termsMax,
            description: 'sets of requirements, of which one must hold',
            ...atomic,
          }),
        },
        { ...closed, description: 'machines that are possible' },
      ),
    ),
    preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
      Type.Array(
        Type.Object({ weight: Weight, preference: NodeSelectorTerm }, { ...closed, description: 'one preference' }),
        { maxItems: termsMax, description: 'machines that are preferred', ...atomic },
      ),
    ),
  },
  { ...closed, description: 'attraction to machines' },
);

const LabelKeys = (description: string) =>
  Type.Optional(Type.Array(Key('label'), { maxItems: itemsMax, description, ...atomic }));

const PodAffinityTerm = Type.Object(
  {
    labelSelector: Type.Optional(LabelSelector('the other pods')),
    namespaceSelector: Type.Optional(LabelSelector('their namespaces, by labels')),
    namespaces: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 63, description: 'namespace' }), {
        maxItems: itemsMax,
        description: 'their namespaces, by names',
        ...atomic,
      }),
    ),
    topologyKey: Key('label of machines; those with the same value are one place'),
    matchLabelKeys: LabelKeys('labels whose values are those of the pod itself'),
    mismatchLabelKeys: LabelKeys('labels whose values are not those of the pod itself'),
  },
  { ...closed, description: 'other pods, and what counts as the same place' },
);

const PodAffinity = (description: string) =>
  Type.Optional(
    Type.Object(
      {
        requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Array(PodAffinityTerm, { maxItems: termsMax, description: 'what must hold', ...atomic }),
        ),
        preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Array(
            Type.Object(
              { weight: Weight, podAffinityTerm: PodAffinityTerm },
              { ...closed, description: 'one preference' },
            ),
            { maxItems: termsMax, description: 'what is preferred', ...atomic },
          ),
        ),
      },
      { ...closed, description },
    ),
  );

const Affinity = Type.Object(
  {
    nodeAffinity: Type.Optional(NodeAffinity),
    podAffinity: PodAffinity('attraction to other pods'),
    podAntiAffinity: PodAffinity('repulsion of other pods'),
  },
  { ...closed, description: 'attraction to machines and pods, and repulsion' },
);

const Toleration = Type.Object(
  {
    key: Type.Optional(Type.String({ maxLength: 317, description: 'taint; absent means every one' })),
    operator: Type.Optional(Type.Enum(['Exists', 'Equal'], { description: 'relation; absent means Equal' })),
    value: Type.Optional(Type.String({ maxLength: 63, description: 'value of the taint' })),
    effect: Type.Optional(
      Type.Enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
        description: 'effect of the taint; absent means every one',
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({ minimum: 0, format: 'int64', description: 'how long a NoExecute taint is borne' }),
    ),
  },
  { ...closed, description: 'taints that the pod bears' },
);

const TopologySpreadConstraint = Type.Object(
  {
    maxSkew: Type.Integer({ minimum: 1, description: 'largest difference between two places' }),
    topologyKey: Key('label of machines; those with the same value are one place'),
    whenUnsatisfiable: Type.Enum(['DoNotSchedule', 'ScheduleAnyway'], { description: 'what happens beyond it' }),
    labelSelector: Type.Optional(LabelSelector('pods that are counted; absent means those of the same set')),
    matchLabelKeys: LabelKeys('labels whose values are those of the pod itself'),
    minDomains: Type.Optional(Type.Integer({ minimum: 1, description: 'fewest places, for DoNotSchedule' })),
    nodeAffinityPolicy: Type.Optional(
      Type.Enum(['Honor', 'Ignore'], { description: 'whether machines that affinity excludes count' }),
    ),
    nodeTaintsPolicy: Type.Optional(
      Type.Enum(['Honor', 'Ignore'], { description: 'whether machines with taints that are not borne count' }),
    ),
  },
  { ...closed, description: 'how evenly the pods are spread' },
);

const KeyReference = (description: string, rules: ReturnType<typeof withRules> | Record<string, never> = {}) =>
  Type.Optional(
    Type.Object(
      {
        name: ObjectName('its name'),
        key: Type.String({ minLength: 1, maxLength: 253, description: 'key within it' }),
        optional: Type.Optional(Type.Boolean({ description: 'whether it may be missing' })),
      },
      { ...closed, description, ...rules },
    ),
  );

const Variable = Type.Object(
  {
    name: Type.String({
      pattern: '^[-._a-zA-Z][-._a-zA-Z0-9]*$',
      maxLength: 128,
      description: 'name of the variable',
    }),
    value: Type.Optional(Type.String({ maxLength: 32_768, description: 'its value' })),
    valueFrom: Type.Optional(
      Type.Object(
        {
          secretKeyRef: KeyReference('a Secret of the same namespace', {
            ...withRules({
              rule: `self.name != '${tenantKeysSecretName}'`,
              message: `secretKeyRef.name: expected another Secret than ${tenantKeysSecretName}, which holds the keys of all tenants`,
            }),
          }),
          configMapKeyRef: KeyReference('a ConfigMap of the same namespace'),
          fieldRef: Type.Optional(
            Type.Object(
              {
                fieldPath: Type.String({ minLength: 1, maxLength: 317, description: 'path, such as status.hostIP' }),
              },
              { ...closed, description: 'a field of the pod' },
            ),
          ),
        },
        {
          ...closed,
          minProperties: 1,
          maxProperties: 1,
          description: 'where its value comes from',
        },
      ),
    ),
  },
  {
    ...closed,
    description: 'a variable',
    ...withRules({
      rule: '!(has(self.value) && has(self.valueFrom))',
      message: 'env: expected only one of value and valueFrom',
    }),
  },
);

const Id = (minimum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum: idMax, format: 'int64', description }));

const SecurityContext = Type.Object(
  {
    runAsUser: Id(1, 'user of the processes; never root'),
    runAsGroup: Id(0, 'group of the processes'),
    fsGroup: Id(0, 'group that owns the volumes'),
    fsGroupChangePolicy: Type.Optional(
      Type.Enum(['OnRootMismatch', 'Always'], {
        description: 'when files are given to fsGroup; absent means OnRootMismatch',
      }),
    ),
    supplementalGroups: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: idMax, format: 'int64', description: 'group' }), {
        maxItems: itemsMax,
        description: 'more groups of the processes',
        ...atomic,
      }),
    ),
    seLinuxOptions: Type.Optional(
      Type.Object(
        {
          level: Type.Optional(Type.String({ maxLength: 256, description: 'level, such as s0:c123,c456' })),
          type: Type.Optional(Type.String({ maxLength: 256, description: 'type' })),
        },
        { ...closed, description: 'SELinux context' },
      ),
    ),
  },
  {
    ...closed,
    description:
      'takes the place of the users and groups that the operator sets; {} leaves them to the cluster (OpenShift); the pods stay restricted in any case',
  },
);

const DnsConfig = Type.Object(
  {
    nameservers: Type.Optional(
      Type.Array(Type.String({ maxLength: 64, description: 'address' }), {
        maxItems: 3,
        description: 'more servers, after the cluster’s',
        ...atomic,
      }),
    ),
    searches: Type.Optional(
      Type.Array(Type.String({ maxLength: 253, description: 'domain' }), {
        maxItems: itemsMax,
        description: 'more domains in which short names are looked up',
        ...atomic,
      }),
    ),
    options: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 64, description: 'name, such as ndots' }),
            value: Type.Optional(Type.String({ maxLength: 64, description: 'value' })),
          },
          { ...closed, description: 'one option' },
        ),
        { maxItems: itemsMax, description: 'options of the resolver', ...atomic },
      ),
    ),
  },
  { ...closed, description: 'settings of the resolver, beside the cluster’s' },
);

/** Rules on a list of variables, of which `reserved` are set by the operator itself. */
function Variables(reserved: readonly string[]) {
  const names = reserved.map((name) => `'${name}'`).join(', ');
  return Type.Array(Variable, {
    maxItems: variablesMax,
    description: 'more variables, after those that the operator sets itself',
    ...keyedByName,
    ...withRules({
      rule: `self.all(variable, !(variable.name in [${names}]))`,
      message: `env: expected none of ${reserved.join(', ')}, which the operator sets itself`,
    }),
  });
}

/** Settings of pods, as a part of a PodTemplateSpec. */
export const PodTemplate = Type.Object(
  {
    metadata: Type.Optional(
      Type.Object(
        {
          labels: Type.Optional(OwnLabels('podTemplate.metadata.labels', 'labels beside those of the operator')),
          annotations: Type.Optional(
            OwnAnnotations('podTemplate.metadata.annotations', 'annotations beside those of the operator'),
          ),
        },
        { ...closed, description: 'what the pods wear' },
      ),
    ),
    spec: Type.Optional(
      Type.Object(
        {
          nodeSelector: Type.Optional(TextMap(labelValue, { description: 'labels of the machines that are possible' })),
          tolerations: Type.Optional(
            Type.Array(Toleration, { maxItems: itemsMax, description: 'taints that the pods bear', ...atomic }),
          ),
          affinity: Type.Optional(Affinity),
          topologySpreadConstraints: Type.Optional(
            Type.Array(TopologySpreadConstraint, {
              maxItems: 8,
              description:
                'takes the place of the default, which spreads over zones and machines where it can, and keeps pods of one set apart; empty means no spread',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['topologyKey', 'whenUnsatisfiable'],
            }),
          ),
          priorityClassName: Type.Optional(ObjectName('class that says which pods go first')),
          runtimeClassName: Type.Optional(ObjectName('class of the runtime, such as gVisor or Kata')),
          imagePullSecrets: Type.Optional(
            Type.Array(
              Type.Object(
                { name: ObjectName('its name') },
                { ...closed, description: 'a Secret of the same namespace' },
              ),
              {
                maxItems: 16,
                description: 'Secrets by which images are pulled, beside image.pullSecrets of the chart',
                ...keyedByName,
              },
            ),
          ),
          env: Type.Optional(Variables(reservedNodeVariables)),
          securityContext: Type.Optional(SecurityContext),
          dnsConfig: Type.Optional(DnsConfig),
          terminationGracePeriodSeconds: Type.Optional(
            Type.Integer({
              minimum: terminationGracePeriodSecondsMin,
              maximum: 3_600,
              format: 'int64',
              description:
                'seconds after which a pod that is to end is killed; absent means 30, of which a node needs 25 at most',
            }),
          ),
        },
        { ...closed, description: 'where and how the pods run' },
      ),
    ),
  },
  { ...closed, description: 'settings of the pods, in the words of Kubernetes; a change makes them anew, one by one' },
);
export type PodTemplate = Static<typeof PodTemplate>;

/** Annotations of the account under which pods run: workload identity of clouds. */
export const ServiceAccountSettings = Type.Object(
  {
    annotations: Type.Optional(
      OwnAnnotations('serviceAccount.annotations', 'annotations beside those of the operator, for workload identity'),
    ),
  },
  { ...closed, description: 'the account under which the pods run' },
);
export type ServiceAccountSettings = Static<typeof ServiceAccountSettings>;
