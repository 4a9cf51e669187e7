import type { ObjectKey, PersistentVolumeClaim, Pod } from '@hybridstore/controller-runtime';

/** What a controller wants done. Decisions are pure; `run-controllers.ts` carries them out. */
export type Action =
  | { readonly kind: 'create-pod'; readonly pod: Pod }
  | { readonly kind: 'delete-pod'; readonly key: ObjectKey; readonly uid: string }
  | { readonly kind: 'create-claim'; readonly claim: PersistentVolumeClaim }
  | { readonly kind: 'delete-claim'; readonly key: ObjectKey; readonly uid: string };
