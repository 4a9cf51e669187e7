import type { Stored } from '@hybridstore/controller-runtime';
import type { Tenant } from '../resources/custom-resources.ts';

/** What there is around a policy, as last seen. */
export type PolicyWorld = {
  readonly tenant: Stored<Tenant> | undefined;
  /** Sources that the selector covers; undefined means all of the tenant. */
  readonly sourceIds: readonly string[] | undefined;
  /** Sources that are declared for the tenant. */
  readonly declared: number;
};
