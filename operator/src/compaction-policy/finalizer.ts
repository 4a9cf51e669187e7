import type { ObjectKey } from '@hybridstore/controller-runtime';
import type { CatalogPort } from '../shared-services/catalog-client.ts';

/** Stops the policy. The catalog must have heard it, else it would go on compacting by a policy that nobody sees. */
export async function tidyPolicy(key: ObjectKey, catalog: CatalogPort): Promise<void> {
  await catalog.deletePolicy(`${key.namespace ?? ''}/${key.name}`);
}
