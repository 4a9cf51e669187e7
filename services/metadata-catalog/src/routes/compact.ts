import { metadataCatalog } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import { type CompactParts, compactSources } from '../domain/verbs/compact-sources.ts';

export function routeCompact(server: Server, parts: CompactParts): void {
  server.route(metadataCatalog.compact, ({ body }, _reply, { caller }) =>
    compactSources(parts, tenantCallerOf(caller), body),
  );
}
