import { type Static, Type } from 'typebox';
import { sourceIdPattern } from '../identifiers.ts';
import { Conditions, Count, ObservedGeneration, TenantRef, Timestamp, withRules } from './fields.ts';

const cronField = '(\\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?(,(\\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?){0,29}';
/** Five fields (minute, hour, day of month, month, day of week) of numbers, ranges, steps and lists, in UTC. */
export const cronPattern = `^${cronField}( ${cronField}){4}$`;

const labelsMax = 16;

const SourceSelector = Type.Object(
  {
    sourceIds: Type.Optional(
      Type.Array(Type.String({ pattern: sourceIdPattern, maxLength: 63, description: 'sourceId of a source' }), {
        minItems: 1,
        maxItems: 1_000,
        description: 'sources by id',
        'x-kubernetes-list-type': 'set',
      }),
    ),
    matchLabels: Type.Optional(
      Type.Unsafe<Record<string, string>>(
        Type.Object(
          {},
          {
            additionalProperties: Type.String({ maxLength: 63, description: 'value of a label' }),
            minProperties: 1,
            maxProperties: labelsMax,
            description: 'sources by the labels of their DataSource',
          },
        ),
      ),
    ),
  },
  {
    additionalProperties: false,
    description: 'sources that the policy covers; absent means every source of the tenant',
    ...withRules({
      rule: 'has(self.sourceIds) != has(self.matchLabels)',
      message: 'exactly one of sourceIds and matchLabels must be set',
    }),
  },
);

export const CompactionPolicySpec = Type.Object(
  {
    tenantRef: TenantRef,
    sourceSelector: Type.Optional(SourceSelector),
    enabled: Type.Boolean({ default: true, description: 'whether the policy acts' }),
    intervalMinutes: Type.Integer({
      minimum: 1,
      maximum: 10_080,
      default: 60,
      description: 'minutes between two runs',
    }),
    minFileSizeMB: Type.Integer({
      minimum: 1,
      maximum: 4_096,
      default: 50,
      description: 'files below this size in MiB are merged',
    }),
    maxFileSizeMB: Type.Integer({
      minimum: 1,
      maximum: 4_096,
      default: 512,
      description: 'size in MiB that a merged file does not exceed',
    }),
    window: Type.Optional(
      Type.String({
        pattern: cronPattern,
        maxLength: 256,
        description: 'cron expression in UTC; runs start only in minutes that match',
      }),
    ),
    maxConcurrent: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 1,
      description: 'sources that are compacted at once',
    }),
    retainSnapshotsHours: Type.Integer({
      minimum: 0,
      maximum: 8_760,
      default: 24,
      description: 'hours for which replaced files are kept for older snapshots',
    }),
  },
  {
    additionalProperties: false,
    description: 'wanted state of the policy',
    ...withRules({
      rule: 'self.minFileSizeMB <= self.maxFileSizeMB',
      message: 'minFileSizeMB must not be greater than maxFileSizeMB',
    }),
  },
);
export type CompactionPolicySpec = Static<typeof CompactionPolicySpec>;

export const CompactionPolicyStatus = Type.Object(
  {
    observedGeneration: Type.Optional(ObservedGeneration),
    conditions: Type.Optional(Conditions),
    active: Type.Optional(Type.Boolean({ description: 'whether the catalog runs the policy' })),
    sources: Type.Optional(Count('sources that the selector covers')),
    lastRunTime: Type.Optional(Timestamp('start of the last run')),
    nextRunTime: Type.Optional(Timestamp('start of the next run')),
    lastResult: Type.Optional(
      Type.Object(
        {
          filesBefore: Count('files before the last run'),
          filesAfter: Count('files after the last run'),
          bytesBefore: Count('bytes before the last run'),
          bytesAfter: Count('bytes after the last run'),
          failed: Count('sources of the last run that failed'),
        },
        { additionalProperties: false, description: 'sums over the sources of the last run' },
      ),
    ),
  },
  { additionalProperties: false, description: 'observed state of the policy' },
);
export type CompactionPolicyStatus = Static<typeof CompactionPolicyStatus>;
