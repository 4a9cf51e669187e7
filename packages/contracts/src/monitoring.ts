import { type Static, Type } from 'typebox';

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
/** The newest entries a process keeps in memory (bounded ring); monitoring collects them by `after` (a sequence number). */
export const LogTail = Type.Object(
  { next: Type.Integer(), entries: Type.Array(LogEntry) },
  { $id: 'LogTail', additionalProperties: false },
);
export type LogTail = Static<typeof LogTail>;
