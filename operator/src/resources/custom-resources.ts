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

export interface Tenant extends KubeObject {
  readonly spec: TenantSpec;
  readonly status?: TenantStatus;
}

export interface DataSource extends KubeObject {
  readonly spec: DataSourceSpec;
  readonly status?: DataSourceStatus;
}

export interface CompactionPolicy extends KubeObject {
  readonly spec: CompactionPolicySpec;
  readonly status?: CompactionPolicyStatus;
}

export const tenants = defineResource<Tenant>(resourceApiVersion, 'Tenant', 'tenants');
export const dataSources = defineResource<DataSource>(resourceApiVersion, 'DataSource', 'datasources');
export const compactionPolicies = defineResource<CompactionPolicy>(
  resourceApiVersion,
  'CompactionPolicy',
  'compactionpolicies',
);
