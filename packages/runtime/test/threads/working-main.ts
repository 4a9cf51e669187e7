import { HybridStoreError, serveThread } from '@hybridstore/runtime';

export type Work =
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'refuse' | 'fail' | 'fill' | 'spin' };

serveThread((work: Work) => {
  switch (work.kind) {
    case 'double':
      return work.value * 2;
    case 'refuse':
      throw new HybridStoreError('invalid_request', 'value: expected another', { field: 'value' });
    case 'fail':
      throw new Error('a fault of ours');
    case 'fill':
      return fill([]);
    case 'spin':
      for (;;);
  }
});

function fill(held: number[][]): number {
  for (;;) held.push(new Array<number>(1_000_000).fill(0.5));
}
