import type { GivingUp, TenantSpec } from '@hybridstore/contracts';
import type { Child, ClusterView, Compared, Expectations, Kube, Stored } from '@hybridstore/controller-runtime';
import { Children } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { CatalogPort, NodePort } from '../ports.ts';
import type { Tenant } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { PlatformSettings } from '../resources/settings.ts';
import type { SetOptions } from '../resources/stateful-set.ts';
import type { TenantMetadata } from '../resources/tenant-metadata.ts';
import type { SizeDecision } from '../scaling/decide-size.ts';
import type { SigningKeys } from '../shared-services/signing-keys.ts';
import type { DesiredChildren } from './desired-state.ts';
import type { HandOverPass } from './hand-over.ts';
import type { Registrations } from './registrations.ts';
import type { RolloutPlaces } from './rollout-places.ts';
import type { SecretKeeper } from './secret-keeper.ts';
import type { SizeKeeper } from './size-keeper.ts';
import type { StorageProblem } from './volumes.ts';
import type { FoundProblem, NodeFailure, TenantWorld } from './world.ts';

export type TenantReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly settings: PlatformSettings;
  readonly keys: SigningKeys;
  readonly nodes: NodePort;
  readonly catalog: CatalogPort;
  readonly sizes: SizeKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A decision was reported. */
  readonly onDecision?: (decision: SizeDecision) => void;
  /** In each pass; undefined where nothing is scaled. */
  readonly onSized?: (tenantId: string, decision: SizeDecision | undefined) => void;
  /** In each pass: whether the tenant waits for its turn to follow a change of the platform. */
  readonly onQueued?: (tenantId: string, isQueued: boolean) => void;
  /** The Tenant is gone. */
  readonly onForgotten?: (tenantId: string) => void;
};

/** What outlives a pass. All of it is lost with the process, and found out again. */
export type TenantMemory = {
  readonly secrets: SecretKeeper;
  readonly registrations: Registrations;
  readonly desired: DesiredChildren;
  readonly compared: Compared;
  readonly places: RolloutPlaces;
};

/** What a pass begins with, and below what it knows further on. */
export type TenantStart = TenantReconcilerOptions & TenantMemory & { readonly key: TenantKey };
export type Loaded = TenantStart & { readonly object: Stored<Tenant>; readonly tenant: TenantMetadata };
export type Valid = Loaded & { readonly spec: TenantSpec };
export type Observed = Valid & { readonly world: TenantWorld };
export type Sized = Observed & {
  /** Nodes that the decision started from. */
  readonly current: number;
  /** Nodes that there should be in the end. */
  readonly wanted: number;
  /** Undefined where nothing is scaled. */
  readonly scaling: SizeDecision | undefined;
};
export type GaveUp = Sized & {
  /** What became of giving a node up, where somebody asks for it. */
  readonly givingUp: GivingUp | undefined;
};
export type HandingOver = GaveUp & { readonly handOver: HandOverPass };
export type Turned = HandingOver & {
  readonly setOptions: SetOptions;
  /** Tenants that follow a change of the platform, while this one waits for its turn. */
  readonly waitsFor: readonly string[];
};
export type Applied = Turned & {
  /** Why the shared volume is not as it should be. */
  readonly storageProblem: StorageProblem | undefined;
  readonly desiredChildren: readonly Child[];
};
export type Asked = Applied & { readonly problems: readonly FoundProblem[] };
export type Examined = Asked & { readonly failures: readonly NodeFailure[] };
export type Registered = Examined & { readonly isRegistered: boolean };

export function childrenOf({ kube, view, expectations, compared, key, object }: Loaded): Children {
  return new Children({ kube, view, expectations, compared, parent: key, parentUid: object.metadata.uid });
}
