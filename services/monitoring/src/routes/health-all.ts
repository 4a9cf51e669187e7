import { monitoring } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { HealthBoard } from '../domain/health-board.ts';

/** Always a fresh look (at most a second old): who asks wants to know now. */
export function routeHealthAll(server: Server, board: HealthBoard): void {
  server.route(monitoring.healthAll, async () => {
    await board.refresh();
    return board.read();
  });
}
