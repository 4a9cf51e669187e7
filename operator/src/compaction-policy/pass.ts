import type { CompactionPolicyDefinition, CompactionPolicySpec, CompactionPolicyState } from '@hybridstore/contracts';
import type { ClusterView, Expectations, Kube, ObjectKey, Stored } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { CatalogPort } from '../ports.ts';
import type { CompactionPolicy } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { Declarations } from './declarations.ts';
import type { PolicyWorld } from './world.ts';

export type CompactionPolicyReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly catalog: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What a pass begins with, and below what it knows further on. */
export type PolicyStart = CompactionPolicyReconcilerOptions & {
  readonly key: ObjectKey;
  readonly declarations: Declarations;
};
export type Loaded = PolicyStart & { readonly object: Stored<CompactionPolicy> };
export type Valid = Loaded & { readonly spec: CompactionPolicySpec };
export type Observed = Valid & { readonly tenant: TenantKey; readonly world: PolicyWorld };
export type Built = Observed & { readonly definition: CompactionPolicyDefinition };
export type Declared = Built & { readonly state: CompactionPolicyState };
