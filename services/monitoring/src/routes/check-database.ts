import { type DatabaseChecked, monitoring } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';

export function routeCheckDatabase(server: Server, checkDatabase: () => Promise<DatabaseChecked>): void {
  server.route(monitoring.checkDatabase, () => checkDatabase());
}
