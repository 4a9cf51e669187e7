import {
  type CompactionPolicySpec,
  type CompactionPolicyStatus,
  compactionPolicyResource,
  type DataSourceSpec,
  type DataSourceStatus,
  dataSourceResource,
  type TenantSpec,
  type TenantStatus,
  tenantResource,
} from '@hybridstore/contracts';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';

// A stored object may be older than its definition, or have been stored past it: nothing may be read from a spec before
// it was parsed, but for what a deletion needs, which the object must never prevent by its shape.

export type Tenant = KubeObject & {
  readonly spec?: TenantSpec | null;
  readonly status?: TenantStatus;
};

export type DataSource = KubeObject & {
  readonly spec?: DataSourceSpec | null;
  readonly status?: DataSourceStatus;
};

export type CompactionPolicy = KubeObject & {
  readonly spec?: CompactionPolicySpec | null;
  readonly status?: CompactionPolicyStatus;
};

export const tenants: Resource<Tenant> = tenantResource;
export const dataSources: Resource<DataSource> = dataSourceResource;
export const compactionPolicies: Resource<CompactionPolicy> = compactionPolicyResource;
