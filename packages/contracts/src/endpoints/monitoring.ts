import { Type } from 'typebox';
import { DatabaseChecked } from '../integrity.ts';
import { HealthAll, LogPage, LogTail } from '../monitoring.ts';
import { type Endpoint, onlyServices, platformAccess, publicAccess, userAccess } from './endpoint.ts';

const service = 'monitoring';

export const monitoring = {
  healthAll: {
    service,
    method: 'GET',
    path: '/health/all',
    summary: 'Health of every service',
    access: publicAccess,
    response: HealthAll,
    viaGateway: true,
  },
  logs: {
    service,
    method: 'GET',
    path: '/logs/:service',
    summary: "Logs of a service, newest last; tenant nodes only of the caller's tenant",
    access: userAccess,
    params: Type.Object({ service: Type.String({ pattern: '^[a-z-]{1,64}$' }) }, { additionalProperties: false }),
    query: Type.Object(
      {
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
        level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'])),
        since: Type.Optional(Type.String({ maxLength: 64 })),
      },
      { additionalProperties: false },
    ),
    response: LogPage,
    viaGateway: true,
  },
  checkDatabase: {
    service,
    method: 'POST',
    path: '/admin/check/logs',
    summary: 'Look for damage in the database of collected logs while it is served; one look at a time',
    access: platformAccess,
    response: DatabaseChecked,
    viaGateway: true,
  },
  grafanaDashboard: {
    service,
    method: 'GET',
    path: '/grafana/dashboard.json',
    summary: 'A Grafana dashboard over the platform metrics, where it is switched on',
    access: publicAccess,
    response: Type.Record(Type.String(), Type.Unknown()),
  },
} as const satisfies Record<string, Endpoint>;

/** Served by every process: the newest log entries of that process, for monitoring to collect. */
export const logTail = {
  service,
  method: 'GET',
  path: '/internal/logs',
  summary: 'Newest log entries of this process',
  access: onlyServices('monitoring'),
  query: Type.Object(
    {
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      boot: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    },
    { additionalProperties: false },
  ),
  response: LogTail,
} as const satisfies Endpoint;
