import { monitoring } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { assert, HybridStoreError } from '@hybridstore/runtime';
import { decideLogAccess, levelsFrom } from '../domain/log-access.ts';
import type { LogCollector } from '../domain/log-collector.ts';
import type { LogStore } from '../domain/ports.ts';

type Query = { readonly limit?: number; readonly level?: 'debug' | 'info' | 'warn' | 'error'; readonly since?: string };

const limitDefault = 200;

export function routeLogs(
  server: Server,
  { store, collector }: { readonly store: LogStore; readonly collector: LogCollector },
): void {
  server.route(monitoring.logs, async (request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    const { service } = request.params as { readonly service: string };
    const query = request.query as Query;
    const access = decideLogAccess(caller.claims, service);
    if (access.kind === 'none') throw new HybridStoreError('forbidden', access.reason, { service });
    const sinceMs = readSince(query.since);
    // What was logged a moment ago is what people look for.
    await collector.collect();
    const entries = store.read({
      service,
      levels: levelsFrom(query.level ?? 'debug'),
      limit: query.limit ?? limitDefault,
      ...(access.kind === 'tenant' ? { tenantId: access.tenantId } : {}),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    });
    return { service, entries };
  });
}

function readSince(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const sinceMs = Date.parse(text);
  if (Number.isNaN(sinceMs))
    throw new HybridStoreError('invalid_request', `since: expected an ISO 8601 time, found ${text}`, {
      field: 'since',
      expected: 'an ISO 8601 time',
    });
  return sinceMs;
}
