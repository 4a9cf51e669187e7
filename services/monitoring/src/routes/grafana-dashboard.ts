import { monitoring } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { buildDashboard } from '../domain/dashboard.ts';

export function routeGrafanaDashboard(server: Server): void {
  server.route(monitoring.grafanaDashboard, () => buildDashboard());
}
