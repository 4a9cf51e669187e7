import { metadataCatalog } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import { type TotalsParts, tenantTotals } from '../domain/verbs/tenant-totals.ts';

export function routeStats(server: Server, parts: TotalsParts): void {
  server.route(metadataCatalog.stats, (_request, _reply, { caller }) => tenantTotals(parts, tenantCallerOf(caller)));
}
