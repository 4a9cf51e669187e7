import type { Child, ClusterView, Expectations, Kube, ObjectKey } from '@hybridstore/controller-runtime';
import { Children } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { PlatformSettings } from '../resources/settings.ts';
import type { SharedWorld } from './observe.ts';
import type { SigningKeys } from './signing-keys.ts';

export type SharedServicesReconcilerOptions = {
  readonly kube: Kube;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  readonly settings: PlatformSettings;
  readonly keys: SigningKeys;
  /** Names the operator's own Deployment and ServiceAccount, where there are any (a Helm release). */
  readonly ownerName?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onUnready?: (services: readonly string[]) => void;
};

/** What a pass begins with, and below what it knows further on. */
export type SharedStart = SharedServicesReconcilerOptions & {
  readonly key: ObjectKey;
  /** Gives whether the services that are not ready are others than at the last call. */
  readonly noteUnready: (services: readonly string[]) => boolean;
};
export type Observed = SharedStart & { readonly world: SharedWorld };
export type Built = Observed & { readonly desiredChildren: readonly Child[] };

export function childrenOf({ kube, view, expectations, key }: SharedStart): Children {
  return new Children({ kube, view, expectations, parent: key });
}
