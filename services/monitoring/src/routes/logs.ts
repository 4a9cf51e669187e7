import { type MonitoringTarget, monitoring, services } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { assert, type Clock, HybridStoreError } from '@hybridstore/runtime';
import { decideLogAccess, type LogAccess, levelsFrom } from '../domain/log-access.ts';
import type { LogCollector } from '../domain/log-collector.ts';
import type { LogStore, Targets } from '../domain/ports.ts';
import { waitAtMost } from '../domain/wait-at-most.ts';

const limitDefault = 200;
const waitMsMax = 2_000;

export type LogRouteOptions = {
  readonly store: LogStore;
  readonly collector: LogCollector;
  readonly targets: Targets;
  readonly clock: Clock;
};

export function routeLogs(server: Server, { store, collector, targets, clock }: LogRouteOptions): void {
  server.route(monitoring.logs, async (request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    const { service } = request.params;
    const query = request.query;
    const access = decideLogAccess(caller.claims, service);
    if (access.kind === 'none') throw new HybridStoreError('forbidden', access.reason, { service });
    if (!Object.hasOwn(services, service) && !targets.read().some((target) => target.service === service))
      throw new HybridStoreError('not_found', `service ${service} does not exist`, { service });
    const sinceMs = readSince(query.since);
    // What was logged a moment ago is what people look for; a process that does not answer keeps nobody waiting.
    await waitAtMost(clock, waitMsMax, collector.collect(isShown(access, service)));
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

function isShown(access: LogAccess, service: string): (target: MonitoringTarget) => boolean {
  return (target) => target.service === service && (access.kind !== 'tenant' || target.tenant_id === access.tenantId);
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
