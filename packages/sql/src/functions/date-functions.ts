import {
  type DatePart,
  type Dialect,
  dateParts,
  type IntervalUnit,
  intervalUnits,
  isHybridStoreError,
  type PlanExpression,
} from '@hybridstore/contracts';
import {
  arithmetic,
  call,
  cast,
  choose,
  compare,
  integer,
  literal,
  logic,
  readDateFormat,
  text,
} from '@hybridstore/plan';
import { addInterval, toNumber } from '../bind/arithmetic.ts';
import type { BindSite } from '../bind/bind-site.ts';
import { moment } from '../bind/moment-text.ts';
import {
  constantNumber,
  isNumber,
  localTimestamp,
  readJsonAs,
  type Typed,
  textOf,
  timeType,
  typed,
} from '../bind/types.ts';
import { isNode, kindOf } from '../syntax/syntax-tree.ts';
import { requireKind } from './argument-kinds.ts';
import { jointPart, weekModeOf, weekOf } from './calendar-functions.ts';
import type { CallSite, Translators } from './call-site.ts';
import { type FormatPiece, fromMysqlFormat, fromPostgresqlFormat, piecesOfMysqlFormat } from './date-formats.ts';
import { partOf } from './moments.ts';
import { truncateWithZone } from './zone-functions.ts';

const clock = (): Typed => typed(call('current_timestamp'), 'timestamp');

/** The engine's clock has microseconds; MySQL's NOW() shows seconds, which NOW(0) to NOW(6) change. */
function now(at: CallSite): Typed {
  if (at.count === 0) return clock();
  const digits = constantNumber(at.argument(0));
  const unit = digits === undefined ? undefined : clockUnits[digits];
  if (unit === undefined)
    throw at.refuse(`${at.call.name} takes 0, 3 or 6 digits of a second`, { expected: Object.keys(clockUnits) });
  return unit === 'microsecond' ? clock() : typed(call('date_trunc', text(unit), clock().node), 'timestamp');
}

const clockUnits: Readonly<Record<number, string>> = { 0: 'second', 3: 'millisecond', 6: 'microsecond' };
const today = (): Typed => typed(call('current_date'), 'date');

const part = (name: DatePart) => (at: CallSite) => partOf(name, at.argument(0));

/**
 * Functions on dates and times. Texts become moments where one is expected, units become words of the engine, and formats
 * are translated letter by letter, which takes a constant one:
 *
 *     MySQL       DATE_FORMAT(at, '%H:%i')      strftime(at, '%H:%M')
 *     PostgreSQL  to_char(at, 'HH24:MI')        strftime(at, '%H:%M')
 *     MySQL       DATEDIFF(a, b)                date_diff('day', CAST(b AS DATE), CAST(a AS DATE))
 *     MySQL       DAYOFWEEK(at)                 date_part('dayofweek', at) + 1, since Sunday is 1 there and 0 here
 *     PostgreSQL  extract(second FROM at)       microseconds / 1000000, since seconds carry fractions there
 *
 * The clock is UTC in every dialect, as all timestamps here are.
 *
 * Functions of time zones stand in `zone-functions.ts`. Left out: dates as numbers like 20240131; formats that strftime
 * cannot say.
 */
export const dateTranslators: Translators = {
  all: {
    now,
    current_timestamp: now,
    localtimestamp: (at) => typed(now(at).node, timeType(at.site.context.dialect)),
    sysdate: now,
    transaction_timestamp: now,
    statement_timestamp: now,
    clock_timestamp: now,
    utc_timestamp: now,
    get_current_timestamp: now,
    current_date: today,
    curdate: today,
    today,
    utc_date: today,
    year: part('year'),
    month: part('month'),
    day: part('day'),
    dayofmonth: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
    quarter: part('quarter'),
    dayofyear: part('dayofyear'),
    weekofyear: part('week'),
    isodow: part('isodow'),
    isoyear: part('isoyear'),
    date: (at) => typed(cast(moment(at.argument(0)).node, 'date'), 'date'),
    last_day: (at) => typed(call('last_day', moment(at.argument(0)).node), 'date'),
    dayname: (at) => typed(call('dayname', moment(at.argument(0)).node), 'string'),
    monthname: (at) => typed(call('monthname', moment(at.argument(0)).node), 'string'),
    date_part: (at) => namedPart(at, 0, 1),
    datepart: (at) => namedPart(at, 0, 1),
    date_trunc: truncate,
    date_diff: (at) => difference('date_diff', unitArgument(at, 0), at, [1, 2]),
    datetrunc: truncate,
    strptime: (at) =>
      typed(call('strptime', textOf(at.argument(0)), engineFormat(at)), timeType(at.site.context.dialect)),
    try_strptime: (at) =>
      typed(call('try_strptime', textOf(at.argument(0)), engineFormat(at)), timeType(at.site.context.dialect)),
    timestampdiff: (at) => difference('date_sub', unitArgument(at, 0), at, [1, 2]),
    timestampadd: (at) => addUnits(at),
  },
  mysql: {
    dayofweek: (at) => typed(arithmetic('add', partOf('dayofweek', at.argument(0)).node, integer(1)), 'bigint'),
    weekday: (at) => typed(arithmetic('subtract', partOf('isodow', at.argument(0)).node, integer(1)), 'bigint'),
    time: (at) => {
      const value = moment(at.argument(0));
      return typed(cast(value.type === 'date' ? cast(value.node, 'timestamp') : value.node, 'time'), 'time');
    },
    microsecond: (at) =>
      typed(arithmetic('modulo', partOf('microsecond', at.argument(0)).node, integer(1_000_000)), 'bigint'),
    date_format: (at) => formattedInMysql(at, requireMoment(at)),
    str_to_date: (at) => parsed(at, fromMysqlFormat, 'by_format'),
    date_add: (at) => shifted(at, false),
    adddate: (at) => shifted(at, false),
    date_sub: (at) => shifted(at, true),
    subdate: (at) => shifted(at, true),
    datediff: (at) =>
      typed(
        call(
          'date_diff',
          text('day'),
          cast(moment(at.argument(1)).node, 'date'),
          cast(moment(at.argument(0)).node, 'date'),
        ),
        'bigint',
      ),
    unix_timestamp: (at) =>
      typed(cast(partOf('epoch', at.count === 0 ? clock() : at.argument(0)).node, 'bigint'), 'bigint'),
    timestampdiff: monthsApart,
    from_unixtime: fromUnixTime,
  },
  postgresql: {
    to_char: (at) => formatted(at, fromPostgresqlFormat),
    to_date: (at) => parsed(at, fromPostgresqlFormat, 'date'),
    to_timestamp: (at) => (at.count === 1 ? fromEpoch(at) : parsed(at, fromPostgresqlFormat, 'timestamp')),
    age: (at) =>
      typed(
        call(
          'age',
          moment(at.count === 1 ? today() : at.argument(0)).node,
          moment(at.argument(at.count === 1 ? 0 : 1)).node,
        ),
        'interval',
      ),
    date_add: (at) => shifted(at, false),
    date_subtract: (at) => shifted(at, true),
  },
  duckdb: {
    dayofweek: part('dayofweek'),
    weekday: part('dayofweek'),
    week: part('week'),
    epoch: (at) => partOf('epoch', at.argument(0)),
    epoch_ms: (at) =>
      isNumber(at.argument(0).type)
        ? fromEpoch(at, 1_000)
        : typed(call('epoch_ms', moment(at.argument(0)).node), 'bigint'),
    date_add: (at) => shifted(at, false),
    to_timestamp: (at) => fromEpoch(at),
    date_sub: (at) => difference('date_sub', unitArgument(at, 0), at, [1, 2]),
    datediff: (at) => difference('date_diff', unitArgument(at, 0), at, [1, 2]),
    strftime: (at) => typed(call('strftime', moment(at.argument(0)).node, engineFormat(at)), 'string'),
    make_timestamp: (at) =>
      typed(call('make_timestamp', ...at.call.operands.map((_, index) => at.argument(index).node)), localTimestamp),
    age: (at) =>
      typed(
        call(
          'age',
          moment(at.count === 1 ? today() : at.argument(0)).node,
          moment(at.argument(at.count === 1 ? 0 : 1)).node,
        ),
        'interval',
      ),
  },
};

/** A unit as a word or a text: `DAY`, `'day'`, `days`. */
function unitArgument(at: CallSite, index: number): string {
  const node = at.node(index);
  const fields = node ? at.site.context.fields(node) : undefined;
  const isWord = node && kindOf(node) === 'column';
  const isText = node && kindOf(node) === 'literal';
  const word = isWord ? fields?.name('name') : isText ? fields?.text('value') : undefined;
  if (isText) fields?.ignore('literal_type', 'a unit is a word, with or without quotes');
  if (isWord || isText) fields?.finish();
  return (word ?? '')
    .toLowerCase()
    .replace(/^sql_tsi_/, '')
    .replace(/s$/, '');
}

function intervalUnit(unit: string, at: CallSite): IntervalUnit {
  const known = intervalUnits.find((name) => name === unit);
  if (!known) throw at.refuse(`${unit.slice(0, 30)} is not a unit of time`, { expected: intervalUnits });
  return known;
}

/** EXTRACT(part FROM x) */
export function bindExtract({ fields, scope, context }: BindSite): Typed {
  const field = fields.value('field');
  const name = isNode(field) ? String(field['Custom'] ?? '') : String(field ?? '');
  const value = context.boundMoment(context.bind(fields.required('this'), scope));
  const refuse: CallSite['refuse'] = (message, details) => fields.refuse(message, details);
  requireKind('moment', value, { name: 'extract', index: 0, fields, context, refuse });
  return extractPart(name, value, { dialect: context.dialect, refuse });
}

const partNames: Readonly<Record<string, DatePart>> = {
  dow: 'dayofweek',
  doy: 'dayofyear',
  weekday: 'dayofweek',
  isoweek: 'week',
  centurie: 'century',
  usec: 'microsecond',
};

const timeParts = new Set<DatePart>(['hour', 'minute', 'second', 'millisecond', 'microsecond']);

/** A part by the dialect's name; `WEEK` begins on Sunday in MySQL, seconds carry fractions in PostgreSQL. */
function extractPart(
  name: string,
  value: Typed,
  at: { readonly dialect: string; readonly refuse: CallSite['refuse'] },
): Typed {
  const lower = name.toLowerCase().replace(/s$/, '');
  const joint = at.dialect === 'mysql' ? jointPart(lower, value) : undefined;
  if (joint) return joint;
  const known = partNames[lower] ?? dateParts.find((candidate) => candidate === lower);
  if (!known) throw at.refuse(`${name.slice(0, 30)} is not a part of a date`, { expected: dateParts });
  if (value.type === 'time' && !timeParts.has(known))
    throw at.refuse(`a time has no ${known}`, { expected: 'a date or a timestamp', actual: 'time' });
  if (at.dialect === 'mysql' && known === 'week') return weekOf(cast(moment(value).node, 'date'), weekModeOf(0));
  if (at.dialect === 'postgresql' && value.type === 'date' && timeParts.has(known))
    throw at.refuse(`a date has no ${known}`, { expected: 'a timestamp', actual: 'date' });
  const micros = partOf('microsecond', value).node;
  if (at.dialect === 'mysql' && known === 'microsecond')
    return typed(arithmetic('modulo', micros, integer(1_000_000)), 'bigint');
  if (at.dialect === 'postgresql' && known === 'second')
    return typed(arithmetic('divide', micros, integer(1_000_000)), 'double');
  if (at.dialect === 'postgresql' && known === 'millisecond')
    return typed(arithmetic('divide', micros, integer(1_000)), 'double');
  return partOf(known, value);
}

function namedPart(at: CallSite, unit: number, value: number): Typed {
  const given = at.argument(value);
  // EXTRACT of PostgreSQL knows no hour of a date, date_part does: it is midnight.
  const isWidened = at.site.context.dialect === 'postgresql' && given.type === 'date';
  return extractPart(unitArgument(at, unit), isWidened ? typed(cast(given.node, 'timestamp'), 'timestamp') : given, {
    dialect: at.site.context.dialect,
    refuse: at.refuse,
  });
}

function truncate(at: CallSite): Typed {
  const unit = unitArgument(at, 0);
  const known = [...intervalUnits, 'decade', 'century', 'millennium'].find((name) => name === unit);
  if (!known) throw at.refuse('date_trunc takes a unit first', { expected: intervalUnits });
  const value = moment(at.argument(1));
  const { dialect } = at.site.context;
  const truncated = (base: PlanExpression) => truncatedTo(known, base, dialect);
  if (at.count === 3) return truncateWithZone(at, known, truncated);
  // PostgreSQL gives a timestamp for a date as well.
  if (dialect === 'postgresql' && value.type === 'date')
    return typed(truncated(cast(value.node, 'timestamp')), 'timestamp');
  return typed(truncated(value.node), value.type);
}

function truncatedTo(unit: string, base: PlanExpression, dialect: Dialect): PlanExpression {
  if (dialect !== 'postgresql' || (unit !== 'century' && unit !== 'millennium'))
    return call('date_trunc', text(unit), base);
  // The first century begins with the year 1, the second with 101.
  const year: PlanExpression = { kind: 'interval', value: integer(1), unit: 'year' };
  return arithmetic('add', call('date_trunc', text(unit), arithmetic('subtract', base, year)), year);
}

function difference(
  name: 'date_diff' | 'date_sub',
  unit: string,
  at: CallSite,
  places: readonly [number, number],
): Typed {
  const [from, to] = places.map((place) => moment(at.argument(place)).node);
  if (!from || !to) throw at.refuse(`${at.call.name} takes a unit and two moments`);
  return typed(call(name, text(intervalUnit(unit, at)), from, to), 'bigint');
}

const monthsIn: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };

/**
 * MySQL counts the whole months between two moments by their day and time alone: from the 31st of January to the 29th of
 * February is none, where the engine says that both are the end of a month.
 */
function monthsApart(at: CallSite): Typed {
  const unit = unitArgument(at, 0);
  const months = monthsIn[unit];
  if (months === undefined) return difference('date_sub', unit, at, [1, 2]);
  const [from, to] = [1, 2].map((place) => cast(moment(at.argument(place)).node, 'timestamp'));
  if (!from || !to) throw at.refuse(`${at.call.name} takes a unit and two moments`);
  const calendar = call('date_diff', text('month'), from, to);
  const [fromRest, toRest] = [withinMonth(from), withinMonth(to)];
  const whole: PlanExpression = {
    kind: 'case',
    branches: [
      {
        when: logic('and', [compare('lte', from, to), compare('lt', toRest, fromRest)]),
        result: arithmetic('subtract', calendar, integer(1)),
      },
      {
        when: logic('and', [compare('gt', from, to), compare('gt', toRest, fromRest)]),
        result: arithmetic('add', calendar, integer(1)),
      },
    ],
    otherwise: calendar,
  };
  return typed(months === 1 ? whole : arithmetic('integer_divide', whole, integer(months)), 'bigint');
}

/** Microseconds since the month began. */
function withinMonth(value: PlanExpression): PlanExpression {
  return arithmetic('subtract', call('epoch_us', value), call('epoch_us', call('date_trunc', text('month'), value)));
}

/** FROM_UNIXTIME(seconds[, format]); before 1970 there is no value. */
function fromUnixTime(at: CallSite): Typed {
  const seconds = at.argument(0);
  const value = fromEpoch(at);
  const known = constantNumber(seconds);
  const isPlain = known !== undefined && known >= 0;
  const from = isPlain ? value.node : choose(compare('gte', seconds.node, integer(0)), value.node);
  if (at.count === 1) return typed(from, 'timestamp');
  return formattedInMysql(at, typed(from, 'timestamp'));
}

function addUnits(at: CallSite): Typed {
  const unit = intervalUnit(unitArgument(at, 0), at);
  const interval: PlanExpression = { kind: 'interval', value: at.argument(1).node, unit };
  return addInterval(at.site, at.argument(2), typed(interval, 'interval'), false);
}

/** DATE_ADD(x, INTERVAL …); a bare number means days. */
function shifted(at: CallSite, isNegative: boolean): Typed {
  if (at.count !== 2)
    throw at.refuse(`${at.call.name} takes a moment and an interval`, { expected: 2, actual: at.count });
  const amount = at.argument(1);
  const interval =
    amount.type === 'interval'
      ? amount
      : typed({ kind: 'interval', value: toNumber(amount, at.site).node, unit: 'day' }, 'interval');
  return addInterval(at.site, at.argument(0), interval, isNegative);
}

/** A format in the engine's own words. One that is bound is read with the plan, once its value is known. */
function engineFormat(at: CallSite): PlanExpression {
  const { node } = at.argument(1);
  if (node.kind === 'parameter') return node;
  return text(formatArgument(at, (format) => ({ format })));
}

type Format = (format: string) => { readonly format: string } | { readonly unknown: string };

function constantFormat(at: CallSite): string {
  const node = at.argument(1).node;
  if (node.kind !== 'literal' || typeof node.value !== 'string')
    throw at.refuse(`${at.call.name} takes a constant format`, { expected: 'a constant' });
  return node.value;
}

function formatArgument(at: CallSite, translate: Format): string {
  const result = translate(constantFormat(at));
  if ('format' in result) return readFormat(at, result.format);
  throw at.refuse(`${at.call.name}: ${result.unknown} in a format is not supported`, { actual: result.unknown });
}

function readFormat(at: CallSite, format: string): string {
  try {
    return readDateFormat(format);
  } catch (error) {
    throw isHybridStoreError(error) ? at.refuse(`${at.call.name}: ${error.message}`, error.details) : error;
  }
}

function formatted(at: CallSite, translate: Format): Typed {
  return typed(call('strftime', requireMoment(at).node, text(formatArgument(at, translate))), 'string');
}

function requireMoment(at: CallSite): Typed {
  const value = at.site.context.boundMoment(at.argument(0));
  const isClock = value.type === 'time' || value.type === 'interval';
  if (!isNumber(value.type) && value.type !== 'boolean' && !isClock) return moment(value);
  throw at.refuse(`${at.call.name} takes a date or a time, found a value of type ${value.type}`, {
    expected: 'a date or timestamp',
    actual: value.type,
  });
}

/** Parts of a format that strftime has no word for; each writes the moment once more. */
const ownPiecesMax = 8;

function formattedInMysql(at: CallSite, value: Typed): Typed {
  const pieces = piecesOfMysqlFormat(constantFormat(at));
  if (pieces.filter(({ kind }) => kind !== 'strftime').length > ownPiecesMax)
    throw at.refuse(`${at.call.name} takes at most ${ownPiecesMax} of %D, %U, %u, %V and %X`, {
      expected: ownPiecesMax,
    });
  const [first, ...more] = pieces.map((piece) => formattedPiece(at, value, piece));
  if (!first) return typed(call('strftime', value.node, text('')), 'string');
  return typed(more.length === 0 ? first : { kind: 'concat', operands: [first, ...more] }, 'string');
}

function formattedPiece(at: CallSite, value: Typed, piece: FormatPiece): PlanExpression {
  if (piece.kind === 'strftime') return call('strftime', value.node, text(readFormat(at, piece.format)));
  if (piece.kind === 'ordinal') return call('ordinal', partOf('day', value).node);
  const date = cast(value.node, 'date');
  const { first, offset } = weekModeOf(piece.mode);
  const number =
    piece.kind === 'week'
      ? weekOf(date, weekModeOf(piece.mode)).node
      : arithmetic('integer_divide', call('year_and_week', date, integer(first), integer(offset)), integer(100));
  return call('lpad', cast(number, 'string'), integer(piece.kind === 'week' ? 2 : 4), text('0'));
}

function parsed(at: CallSite, translate: Format, result: 'date' | 'timestamp' | 'by_format'): Typed {
  const format = formatArgument(at, translate);
  const moments = call(
    at.site.context.dialect === 'mysql' ? 'try_strptime' : 'strptime',
    textOf(at.argument(0)),
    text(format),
  );
  const hasTime = /%-?[HIMSfp]/.test(format);
  if (result === 'by_format' && hasTime && !dateSpecifiers.test(format)) return typed(cast(moments, 'time'), 'time');
  if (result === 'by_format' && !isWholeDate(format))
    throw at.refuse(`${at.call.name} takes a format with a year, a month and a day, or with a time alone`, {
      expected: '%Y, %m and %d',
    });
  const isDate = result === 'date' || (result === 'by_format' && !hasTime);
  return isDate ? typed(cast(moments, 'date'), 'date') : typed(moments, 'timestamp');
}

const dateSpecifiers = /%-?[YymdbBjaAGVuUwx]/;

/** MySQL puts zeros where a format says no month or no day, which is no date here. */
function isWholeDate(format: string): boolean {
  const hasMonth = /%-?[mbB]/.test(format) && /%-?d/.test(format);
  return /%[Yy]/.test(format) && (hasMonth || /%-?j/.test(format));
}

function fromEpoch(at: CallSite, unitsPerSecond = 1): Typed {
  const micros = arithmetic(
    'multiply',
    cast(readJsonAs(at.argument(0), 'double').node, 'double'),
    literal('double', 1_000_000 / unitsPerSecond),
  );
  return typed(call('make_timestamp', cast(micros, 'bigint')), 'timestamp');
}
