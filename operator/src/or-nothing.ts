import { isHybridStoreError } from '@hybridstore/runtime';

/** The answer of a service; undefined when it does not know what was asked for. */
export async function orNothing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isHybridStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}
