import type { Finalizer } from '@hybridstore/controller-runtime';

/** On each of our objects, so that its deletion waits until the operator has finalized it. */
export const finalizer: Finalizer = { name: 'hybridstore.dev/finalizer', formerNames: ['hybridstore.dev/tidy'] };
