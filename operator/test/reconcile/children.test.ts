import { systemClock } from '@hybridstore/runtime';
import { EmbeddedApiServer } from '../../src/kube/embedded/api/api-server.ts';
import { describeChildren } from './children-contract.ts';

describeChildren('the embedded API server', async () => ({ kube: new EmbeddedApiServer({ clock: systemClock }) }));
