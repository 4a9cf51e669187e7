import { FakeClock } from '@hybridstore/test-kit';
import { GatewayHarness } from './gateway-harness.ts';
import { storeContract } from './store-contract.ts';

storeContract('The store of another process', async (clock = new FakeClock()) => {
  // What the process that holds the users takes for now is what the contract's own clock says.
  const holder = new GatewayHarness({ clock });
  const url = await holder.fastify.listen({ host: '127.0.0.1', port: 0 });
  const gateway = new GatewayHarness({ holder: { gateway: holder, url }, clock });
  return {
    store: gateway.store,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await holder[Symbol.asyncDispose]();
    },
  };
});
