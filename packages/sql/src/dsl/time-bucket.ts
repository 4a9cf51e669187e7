import { HybridStoreError, isHybridStoreError, type PlanExpression, type TimeBucket } from '@hybridstore/contracts';
import { call, readTimeZone, text, timeZoneText, truncateInZone, tryCast } from '@hybridstore/plan';
import type { Field } from './field.ts';

const utc = 'UTC';
const withinDay = new Set<TimeBucket['bucket']>(['second', 'minute', 'hour']);

/**
 * A group of moments: when their second, day, month began by the clocks of a zone, which is a moment as well. A date has a
 * day and no clock, and its group is a date. Texts of documents are read as times; what is none has no group.
 */
export function bucketField(bucket: TimeBucket, field: Field): Field {
  const path = bucket.alias ?? `${bucket.bucket}_${bucket.field}`;
  if (field.kind === 'typed' && field.type === 'date')
    return { ...field, path, value: bucketOfDates(bucket, field.value) };
  const zone = readZone(bucket);
  return {
    kind: 'typed',
    path,
    value: truncateInZone(bucket.bucket, momentOf(field, bucket), zone),
    type: 'timestamp',
  };
}

function bucketOfDates(bucket: TimeBucket, value: PlanExpression): PlanExpression {
  if (bucket.time_zone !== undefined) throw wrong(bucket, 'time_zone', 'a timestamp, since a date has no time', 'date');
  if (withinDay.has(bucket.bucket))
    throw wrong(bucket, 'bucket', 'day or longer, since a date has no time', bucket.bucket);
  return { kind: 'cast', value: call('date_trunc', text(bucket.bucket), value), type: 'date' };
}

function momentOf(field: Field, bucket: TimeBucket): PlanExpression {
  if (field.kind === 'document') return tryCast(tryCast(field.text, 'timestamptz'), 'timestamp');
  if (field.type === 'timestamp') return field.value;
  throw wrong(bucket, 'bucket', 'a date or a timestamp', field.type);
}

function readZone(bucket: TimeBucket): string {
  try {
    return timeZoneText(readTimeZone(bucket.time_zone ?? utc));
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    throw new HybridStoreError('invalid_request', `group_by ${bucket.field}: time_zone: ${error.message}`, {
      ...error.details,
      field: 'time_zone',
    });
  }
}

function wrong(bucket: TimeBucket, name: 'bucket' | 'time_zone', expected: string, actual: string): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    `group_by ${bucket.field}: ${name}: expected ${expected}, found ${actual}`,
    { field: name, expected, actual },
  );
}
