import type { DatePart, PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, compare, integer, literal, planErrors, text } from '@hybridstore/plan';
import { toNumber } from '../bind/arithmetic.ts';
import { moment } from '../bind/moment-text.ts';
import { constantNumber, isText, type Typed, typed } from '../bind/types.ts';
import type { CallSite, Translators } from './call-site.ts';
import { partOf } from './moments.ts';

/** Days from year 0 to 1970 as MySQL counts them. */
const epochDays = 719_528;
const secondsInDay = 86_400;
const microsInSecond = 1_000_000;
/** Of the days that MySQL counts, the first of year 1 and the last of year 9999. */
const firstDay = 366;
const lastDay = 3_652_424;

/**
 * MySQL's weeks, counts of days and spans of time.
 *
 *     WEEK(d, 1)              week_of_year(d, 1, 3)     Monday first; a week belongs to the year of its Thursday
 *     TO_DAYS(d)              days since 1970 + 719528
 *     TIMEDIFF(a, b)          an interval of microseconds, which is written as MySQL writes a TIME: -26:00:00
 *
 * Left out: modes of weeks that are not constant; texts of columns as times.
 */
export const calendarTranslators: Translators = {
  mysql: {
    week: (at) => weekOf(day(at, 0), weekMode(at)),
    yearweek: (at) => {
      const { first, offset } = weekMode(at);
      return typed(call('year_and_week', day(at, 0), integer(first), integer(offset)), 'bigint');
    },
    to_days: (at) => typed(daysOf(day(at, 0)), 'bigint'),
    from_days: fromDays,
    to_seconds: (at) => {
      const seconds = call('floor', partOf('epoch', moment(at.argument(0))).node);
      return typed(arithmetic('add', cast(seconds, 'bigint'), integer(epochDays * secondsInDay)), 'bigint');
    },
    makedate: (at) => typed(call('day_of_year', number(at, 0), number(at, 1)), 'date'),
    maketime: (at) => typed(call('span_of_parts', whole(at, 0), whole(at, 1), number(at, 2)), 'interval'),
    sec_to_time: (at) => {
      const seconds = cast(number(at, 0), 'decimal(25,6)');
      return typed(call('span_of_micros', arithmetic('multiply', seconds, integer(microsInSecond))), 'interval');
    },
    time_to_sec: (at) => {
      const micros = microsOfTime(at.argument(0), at);
      return typed(arithmetic('integer_divide', micros, integer(microsInSecond)), 'bigint');
    },
    timediff: timeDifference,
    period_add: (at) => {
      const months = arithmetic('add', call('months_of_period', whole(at, 0)), whole(at, 1));
      // MySQL has no period 0.
      const isNone = compare('eq', whole(at, 0), integer(0));
      const failure = cast(call('error', text(planErrors.outOfRange)), 'bigint');
      return typed(choose(isNone, failure, call('period_of_months', months)), 'bigint');
    },
    period_diff: (at) =>
      typed(
        arithmetic('subtract', call('months_of_period', whole(at, 0)), call('months_of_period', whole(at, 1))),
        'bigint',
      ),
  },
};

const number = (at: CallSite, index: number): PlanExpression => toNumber(at.argument(index), at.site).node;
const whole = (at: CallSite, index: number): PlanExpression => cast(number(at, index), 'bigint');
const day = (at: CallSite, index: number): PlanExpression => cast(moment(at.argument(index)).node, 'date');

/** `first`: 1 where weeks begin on Monday. `offset`: the day of a week, from 0, whose year the week belongs to. */
export type WeekMode = { readonly first: 0 | 1; readonly offset: 0 | 3; readonly isFromOne: boolean };

/** Modes 0 to 7: bit 0 Monday first, bit 1 weeks from 1, bit 2 the other rule for the first week. */
export function weekModeOf(mode: number): WeekMode {
  const isMondayFirst = (mode & 1) !== 0;
  const isFirstFullWeek = ((mode & 4) !== 0) === isMondayFirst;
  return { first: isMondayFirst ? 1 : 0, offset: isFirstFullWeek ? 0 : 3, isFromOne: (mode & 2) !== 0 };
}

function weekMode(at: CallSite): WeekMode {
  const mode = at.count > 1 ? constantNumber(at.argument(1)) : 0;
  if (mode === undefined || !Number.isInteger(mode) || mode < 0 || mode > 7)
    throw at.refuse(`${at.call.name} takes a constant mode from 0 to 7`, { expected: '0 to 7', argument: 2 });
  return weekModeOf(mode);
}

/** The number of a day's week: from 0, where a week may belong to no year, or from 1. */
export function weekOf(date: PlanExpression, { first, offset, isFromOne }: WeekMode): Typed {
  const bounds = [integer(first), integer(offset)];
  if (!isFromOne) return typed(call('week_of_year', date, ...bounds), 'bigint');
  return typed(arithmetic('modulo', call('year_and_week', date, ...bounds), integer(100)), 'bigint');
}

function daysOf(date: PlanExpression): PlanExpression {
  return arithmetic('add', call('date_diff', text('day'), literal('date', '1970-01-01'), date), integer(epochDays));
}

/** Outside the calendar MySQL has a day of zeros, which no date here is. */
function fromDays(at: CallSite): Typed {
  const days = whole(at, 0);
  const isDay: PlanExpression = {
    kind: 'between',
    value: days,
    low: integer(firstDay),
    high: integer(lastDay),
    negated: false,
  };
  const distance = cast(arithmetic('subtract', choose(isDay, days), integer(epochDays)), 'integer');
  return typed(arithmetic('add', literal('date', '1970-01-01'), distance), 'date');
}

const timeForm = /^\s*(-?)(\d{1,3}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?\s*$/;

/** A time of a text, in microseconds; undefined where it is none. */
function writtenTime({ node, type }: Typed): number | undefined {
  if (type !== 'literal' || node.kind !== 'literal') return undefined;
  const [, sign, hours, minutes, seconds = '0', fraction = '.0'] = timeForm.exec(String(node.value)) ?? [];
  if (hours === undefined || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === '-' ? -1 : 1) * (whole * microsInSecond + Math.round(Number(fraction) * microsInSecond));
}

/** The time of day, or a span, in microseconds. */
function microsOfTime(value: Typed, at: CallSite): PlanExpression {
  const written = writtenTime(value);
  if (written !== undefined) return integer(written);
  if (value.type === 'time' || value.type === 'interval') return call('epoch_us', value.node);
  if (value.type === 'string')
    throw at.refuse(`${at.call.name} takes a time or a timestamp, found a text; cast it`, { expected: 'a time' });
  return call('epoch_us', cast(cast(moment(value).node, 'timestamp'), 'time'));
}

/** Of two times or of two timestamps; MySQL has no value for a time beside a timestamp. */
function timeDifference(at: CallSite): Typed {
  const values = [at.argument(0), at.argument(1)];
  if (values.some(({ type }) => type === 'string'))
    throw at.refuse('timediff takes times or timestamps, found a text; cast it', { expected: 'a timestamp' });
  const kinds = new Set(values.filter(({ type }) => type !== 'null').map(kindOfMoment));
  if (kinds.size > 1) throw at.refuse('timediff takes two times or two timestamps', { expected: 'two of one type' });
  const micros = values.map((value) =>
    isTime(value) ? microsOfTime(value, at) : call('epoch_us', cast(moment(value).node, 'timestamp')),
  );
  return typed(call('span_of_micros', arithmetic('subtract', ...micros)), 'interval');
}

function kindOfMoment(value: Typed): string {
  if (isTime(value)) return 'time';
  return value.type === 'date' ? 'date' : 'timestamp';
}

function isTime(value: Typed): boolean {
  return value.type === 'time' || value.type === 'interval' || (isText(value.type) && writtenTime(value) !== undefined);
}

/** MySQL's units of two parts, as the digits of one behind those of the other. */
const jointParts: Readonly<Record<string, readonly (readonly [part: DatePart, factor: number])[]>> = {
  year_month: digits('year', 'month'),
  day_hour: digits('day', 'hour'),
  day_minute: digits('day', 'hour', 'minute'),
  day_second: digits('day', 'hour', 'minute', 'second'),
  hour_minute: digits('hour', 'minute'),
  hour_second: digits('hour', 'minute', 'second'),
  minute_second: digits('minute', 'second'),
};

function digits(...parts: readonly DatePart[]): readonly (readonly [DatePart, number])[] {
  return parts.map((part, index) => [part, 100 ** (parts.length - 1 - index)]);
}

/** EXTRACT(YEAR_MONTH FROM x); undefined for a unit of one part. */
export function jointPart(unit: string, value: Typed): Typed | undefined {
  const parts = Object.hasOwn(jointParts, unit) ? jointParts[unit] : undefined;
  const terms = parts?.map(([part, factor]) =>
    factor === 1 ? partOf(part, value).node : arithmetic('multiply', partOf(part, value).node, integer(factor)),
  );
  return terms && typed(arithmetic('add', ...terms), 'bigint');
}
