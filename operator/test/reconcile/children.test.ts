import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { systemClock } from '@hybridstore/runtime';
import { operatorIdentity } from '../../src/identity.ts';
import { describeChildren } from './children-contract.ts';

describeChildren('the embedded API server', async () => ({
  kube: new EmbeddedApiServer({ ...operatorIdentity, clock: systemClock }),
}));
