import { type LogPage, type MonitoringTarget, services, type TokenClaims } from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import { decideLogAccess, type LogAccess, levelsFrom } from './log-access.ts';
import type { LogCollector } from './log-collector.ts';
import { viewEntry } from './log-view.ts';
import type { LogStore, Targets } from './ports.ts';
import { waitAtMost } from './wait-at-most.ts';

const limitDefault = 200;
const waitMsMax = 2_000;

export type LogParts = {
  readonly store: LogStore;
  readonly collector: LogCollector;
  readonly targets: Targets;
  readonly clock: Clock;
};

export type LogQuestion = {
  readonly service: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  readonly limit?: number;
  /** ISO 8601. */
  readonly since?: string;
};

/** Logs of a service, newest last, as far as the caller may see them; stacks and paths are for those who run the platform. */
export async function readLogs(parts: LogParts, claims: TokenClaims, question: LogQuestion): Promise<LogPage> {
  const { store, collector, targets, clock } = parts;
  const { service } = question;
  const access = decideLogAccess(claims, service);
  if (access.kind === 'none') throw new HybridStoreError('forbidden', access.reason, { service });
  if (!Object.hasOwn(services, service) && !targets.read().some((target) => target.service === service))
    throw new HybridStoreError('not_found', `service ${service} does not exist`, { service });
  const sinceMs = readSince(question.since);
  // What was logged a moment ago is what people look for; a process that does not answer keeps nobody waiting.
  await waitAtMost(clock, waitMsMax, collector.collect(isShown(access, service)));
  const entries = store.read({
    service,
    levels: levelsFrom(question.level ?? 'debug'),
    limit: question.limit ?? limitDefault,
    ...(access.kind === 'tenant' ? { tenantId: access.tenantId } : {}),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  });
  return { service, entries: claims.platform_admin === true ? [...entries] : entries.map(viewEntry) };
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
