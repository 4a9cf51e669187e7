import type {
  CatalogSource,
  CompactionPolicyDefinition,
  CompactionPolicyState,
  DrainStatus,
  GiveUpRequest,
  GiveUpResponse,
  NodeProblem,
  SourceAdded,
  SourceDefinition,
  SourceStats,
} from '@hybridstore/contracts';
import type { TenantKey } from './resources/names.ts';

/** The nodes of tenants as the operator uses them. Every call may throw what the node answers, or `unavailable`. */
export interface NodePort {
  /** Repeatable: asks one node to hand over, or to stay, and gives how far it is. */
  drain(tenant: TenantKey, pod: string, request: { readonly cancel: boolean }): Promise<DrainStatus>;
  /** Asks one node to give up another one that is away. Without `rows` it only says how many may be lost. */
  giveUp(tenant: TenantKey, pod: string, request: GiveUpRequest): Promise<GiveUpResponse>;
  /** What is wrong with one node that serves. */
  problems(tenant: TenantKey, pod: string): Promise<readonly NodeProblem[]>;
  /** Pods that have said, as this node that serves knows, that all they acknowledged is in the tables. */
  drainedMembers(tenant: TenantKey, pod: string): Promise<ReadonlySet<string>>;
  putSource(tenant: TenantKey, definition: SourceDefinition): Promise<SourceAdded>;
  deleteSource(tenant: TenantKey, sourceId: string): Promise<void>;
  /** Undefined when no node knows the source. */
  sourceStats(tenant: TenantKey, sourceId: string): Promise<SourceStats | undefined>;
}

/** The metadata catalog as the operator uses it. Every call may throw what the catalog answers, or `unavailable`. */
export interface CatalogPort {
  putTenant(tenant: TenantKey): Promise<void>;
  deleteTenant(tenant: TenantKey): Promise<void>;
  putSource(tenant: TenantKey, definition: SourceDefinition): Promise<CatalogSource>;
  /** Undefined when the catalog does not know the source. */
  getSource(tenant: TenantKey, sourceId: string): Promise<CatalogSource | undefined>;
  deleteSource(tenant: TenantKey, sourceId: string): Promise<void>;
  putPolicy(policy: CompactionPolicyDefinition): Promise<CompactionPolicyState>;
  getPolicy(policyId: string): Promise<CompactionPolicyState | undefined>;
  deletePolicy(policyId: string): Promise<void>;
}
