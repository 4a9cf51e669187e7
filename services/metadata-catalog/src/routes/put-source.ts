import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { declareSource } from '../domain/verbs/declare-source.ts';
import { requireSame, tenantIdOf } from './parameters.ts';

export function routePutSource(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.putSource, async ({ params, body }, _reply, { logger }) => {
    requireSame('source_id', params.source_id, body.source_id);
    return declareSource({ catalog, logger }, tenantIdOf(params), body);
  });
}
