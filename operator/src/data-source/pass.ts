import type { DataSourceSpec, SourceDefinition } from '@hybridstore/contracts';
import type { ClusterView, Expectations, Kube, ObjectKey, Stored } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { CatalogPort, NodePort } from '../ports.ts';
import type { DataSource } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { Declarations } from './declarations.ts';
import type { SourceFacts, SourceWorld } from './world.ts';

export type DataSourceReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly nodes: NodePort;
  readonly catalog: CatalogPort;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What a pass begins with, and below what it knows further on. */
export type SourceStart = DataSourceReconcilerOptions & {
  readonly key: ObjectKey;
  readonly declarations: Declarations;
};
export type Loaded = SourceStart & { readonly object: Stored<DataSource>; readonly tenant: TenantKey };
export type Observed = Loaded & { readonly world: SourceWorld };
export type Valid = Observed & { readonly spec: DataSourceSpec };
export type Built = Valid & { readonly definition: SourceDefinition };
export type Declared = Built & { readonly facts: SourceFacts };
