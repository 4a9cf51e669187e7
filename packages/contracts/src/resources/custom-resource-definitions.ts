import type { TSchema } from 'typebox';
import { CompactionPolicySpec, CompactionPolicyStatus } from './compaction-policy.ts';
import { DataSourceSpec, DataSourceStatus } from './data-source.ts';
import type { CelRule } from './fields.ts';
import { buildStructuralSchema, relaxDefaulted, type StructuralSchema } from './structural-schema.ts';
import { TenantSpec, TenantStatus, tenantRules } from './tenant.ts';

export const resourceGroup = 'hybridstore.dev';
export const resourceVersion = 'v1alpha1';
export const resourceApiVersion = `${resourceGroup}/${resourceVersion}`;

/** Where the API server serves each kind. */
export const tenantResource = describeResource('Tenant', 'tenants');
export const dataSourceResource = describeResource('DataSource', 'datasources');
export const compactionPolicyResource = describeResource('CompactionPolicy', 'compactionpolicies');

function describeResource(kind: string, plural: string) {
  return Object.freeze({ apiVersion: resourceApiVersion, kind, plural, namespaced: true });
}

type PrinterColumn = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
};

type Subresources = {
  readonly status: Readonly<Record<string, never>>;
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
};

/** One file of `crds/`. */
export type CustomResourceDefinitionDocument = {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced';
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly served: true;
      readonly storage: true;
      readonly subresources: Subresources;
      readonly additionalPrinterColumns: readonly PrinterColumn[];
      readonly schema: { readonly openAPIV3Schema: StructuralSchema };
    }[];
  };
};

type ResourceDescription = {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: TSchema;
  readonly status: TSchema;
  readonly rules: readonly CelRule[];
  readonly columns: readonly PrinterColumn[];
  readonly subresources: Subresources;
};

const ready: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
};
const reason: PrinterColumn = {
  name: 'Reason',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
};
const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const tenant: PrinterColumn = { name: 'Tenant', type: 'string', jsonPath: '.spec.tenantRef.name' };

const descriptions: readonly ResourceDescription[] = [
  {
    kind: 'Tenant',
    plural: 'tenants',
    singular: 'tenant',
    shortName: 'hst',
    description: 'A hybrid store of one team: nodes, volumes, keys and network rules of its own.',
    spec: TenantSpec,
    status: TenantStatus,
    rules: tenantRules,
    columns: [
      ready,
      reason,
      { name: 'Nodes', type: 'integer', jsonPath: '.status.readyReplicas', description: 'nodes that take part' },
      { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas', description: 'nodes that are wanted' },
      { name: 'CPU', type: 'integer', jsonPath: '.status.metrics.cpuPercent', description: 'percent of the request' },
      { name: 'Mode', type: 'string', jsonPath: '.spec.autoscaling.mode', priority: 1 },
      age,
    ],
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
  },
  {
    kind: 'DataSource',
    plural: 'datasources',
    singular: 'datasource',
    shortName: 'hsds',
    description: 'A table of a tenant: typed columns, or JSON documents when it has no schema.',
    spec: DataSourceSpec,
    status: DataSourceStatus,
    rules: [],
    columns: [
      tenant,
      { name: 'Source', type: 'string', jsonPath: '.spec.sourceId' },
      ready,
      reason,
      { name: 'Rows', type: 'integer', jsonPath: '.status.rows', description: 'committed rows' },
      { name: 'Files', type: 'integer', jsonPath: '.status.files' },
      { name: 'Version', type: 'integer', jsonPath: '.status.tableVersion', priority: 1 },
      age,
    ],
    subresources: { status: {} },
  },
  {
    kind: 'CompactionPolicy',
    plural: 'compactionpolicies',
    singular: 'compactionpolicy',
    shortName: 'hscp',
    description: 'When and how small files of a tenant are merged.',
    spec: CompactionPolicySpec,
    status: CompactionPolicyStatus,
    rules: [],
    columns: [
      tenant,
      { name: 'Enabled', type: 'boolean', jsonPath: '.spec.enabled' },
      ready,
      reason,
      { name: 'Last Run', type: 'date', jsonPath: '.status.lastRunTime' },
      { name: 'Next Run', type: 'string', jsonPath: '.status.nextRunTime', priority: 1 },
      age,
    ],
    subresources: { status: {} },
  },
];

/** The definitions of the three kinds, in the order in which they are best applied. Pure. */
export function buildCrds(): readonly CustomResourceDefinitionDocument[] {
  return descriptions.map(buildCrd);
}

function buildCrd(description: ResourceDescription): CustomResourceDefinitionDocument {
  const { kind, plural, singular, shortName } = description;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${resourceGroup}`,
      labels: { 'app.kubernetes.io/name': 'hybridstore', 'app.kubernetes.io/part-of': 'hybridstore' },
    },
    spec: {
      group: resourceGroup,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [shortName],
        categories: ['hybridstore'],
      },
      versions: [
        {
          name: resourceVersion,
          served: true,
          storage: true,
          subresources: description.subresources,
          additionalPrinterColumns: description.columns,
          schema: { openAPIV3Schema: buildRoot(description) },
        },
      ],
    },
  };
}

function buildRoot(description: ResourceDescription): StructuralSchema {
  const spec = relaxDefaulted(buildStructuralSchema(description.spec));
  return {
    type: 'object',
    description: description.description,
    ...(spec['default'] === undefined ? { required: ['spec'] } : {}),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec,
      status: relaxDefaulted(buildStructuralSchema(description.status)),
    },
    ...(description.rules.length === 0 ? {} : { 'x-kubernetes-validations': description.rules }),
  };
}
