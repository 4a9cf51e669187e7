import { type Static, Type } from 'typebox';
import { TenantId } from './identifiers.ts';

export const Health = Type.Object(
  { status: Type.Literal('ok'), service: Type.String(), version: Type.String() },
  { $id: 'Health', additionalProperties: false },
);
export const Readiness = Type.Object(
  { ready: Type.Boolean(), service: Type.String(), reasons: Type.Array(Type.String()) },
  { $id: 'Readiness', additionalProperties: false },
);
export type Readiness = Static<typeof Readiness>;

export const ServiceHealth = Type.Object(
  {
    service: Type.String(),
    instance: Type.String(),
    url: Type.String(),
    status: Type.Enum(['healthy', 'not_ready', 'unreachable']),
    checked_at: Type.String(),
    elapsed_ms: Type.Number(),
    version: Type.Union([Type.String(), Type.Null()]),
    reasons: Type.Array(Type.String()),
  },
  { $id: 'ServiceHealth', additionalProperties: false },
);
export type ServiceHealth = Static<typeof ServiceHealth>;
export const HealthAll = Type.Object(
  { status: Type.Enum(['healthy', 'degraded']), services: Type.Array(ServiceHealth) },
  { $id: 'HealthAll', additionalProperties: false },
);
export type HealthAll = Static<typeof HealthAll>;

export const LogEntry = Type.Object(
  {
    time: Type.String(),
    level: Type.String(),
    service: Type.String(),
    instance: Type.String(),
    event: Type.String(),
    fields: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: 'LogEntry', additionalProperties: false },
);
export type LogEntry = Static<typeof LogEntry>;
export const LogPage = Type.Object(
  { service: Type.String(), entries: Type.Array(LogEntry) },
  { $id: 'LogPage', additionalProperties: false },
);
export type LogPage = Static<typeof LogPage>;
/**
 * The newest entries a process keeps in memory (bounded ring), one page of them. Monitoring collects them by `after` (a
 * sequence number) and `boot` (the random id of one run of the process): numbers count from 0 in each boot, so `after`
 * of another boot means nothing and the ring is given from its start. `next` is the number after the last entry given.
 */
export const LogTail = Type.Object(
  {
    boot: Type.String({ minLength: 1, maxLength: 64 }),
    next: Type.Integer({ minimum: 0 }),
    entries: Type.Array(LogEntry),
  },
  { $id: 'LogTail', additionalProperties: false },
);
export type LogTail = Static<typeof LogTail>;

export const monitoringTargetsMax = 5_000;

const Origin = Type.String({ pattern: '^https?://[^/?#@]+$', maxLength: 512, description: 'origin, without a path' });

/** One process to watch. `metrics_url` where /metrics has a listener of its own. `service` is a service's name (`tenant-node`), `instance` the pod's; `tenant_id` only of tenant nodes. */
export const MonitoringTarget = Type.Object(
  {
    service: Type.String({ pattern: '^[a-z][a-z-]{0,62}$' }),
    instance: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$' }),
    url: Origin,
    metrics_url: Type.Optional(Origin),
    tenant_id: Type.Optional(TenantId),
  },
  { $id: 'MonitoringTarget', additionalProperties: false },
);
export type MonitoringTarget = Static<typeof MonitoringTarget>;

/** Content of TARGETS_FILE: what monitoring watches. Written by the operator, read again when the file changes. */
export const MonitoringTargets = Type.Object(
  { targets: Type.Array(MonitoringTarget, { maxItems: monitoringTargetsMax }) },
  { $id: 'MonitoringTargets', additionalProperties: false },
);
export type MonitoringTargets = Static<typeof MonitoringTargets>;
