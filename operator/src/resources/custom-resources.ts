import {
  type CompactionPolicySpec,
  type CompactionPolicyStatus,
  type DataSourceSpec,
  type DataSourceStatus,
  resourceApiVersion,
  type TenantSpec,
  type TenantStatus,
} from '@hybridstore/contracts';
import type { KubeObject } from '../kube/object.ts';
import { defineResource } from '../kube/resource.ts';

// A stored object may be older than its definition, or have been stored past it: nothing may be read from a spec before
// it was parsed, but for what a deletion needs, which the object must never prevent by its shape.

export interface Tenant extends KubeObject {
  readonly spec?: TenantSpec | null;
  readonly status?: TenantStatus;
}

export interface DataSource extends KubeObject {
  readonly spec?: DataSourceSpec | null;
  readonly status?: DataSourceStatus;
}

export interface CompactionPolicy extends KubeObject {
  readonly spec?: CompactionPolicySpec | null;
  readonly status?: CompactionPolicyStatus;
}

export const tenants = defineResource<Tenant>(resourceApiVersion, 'Tenant', 'tenants');
export const dataSources = defineResource<DataSource>(resourceApiVersion, 'DataSource', 'datasources');
export const compactionPolicies = defineResource<CompactionPolicy>(
  resourceApiVersion,
  'CompactionPolicy',
  'compactionpolicies',
);
