import type { IntervalUnit, PlanExpression } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/contracts';
import { arithmetic, cast, literal, localTime, readTimeZone, timeZoneText, utcTime } from '@hybridstore/plan';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { readMomentText } from './moment-text.ts';
import { isTemporal, localTimestamp, readJsonAs, type Typed, typed } from './types.ts';

/** How far clocks are from UTC: the rules of a zone, a fixed interval, or nothing, where the zone is NULL. */
export type ClockRule =
  | { readonly kind: 'zone'; readonly zone: string }
  | { readonly kind: 'interval'; readonly interval: PlanExpression }
  | { readonly kind: 'null' };

type Refuse = (message: string, details?: Readonly<Record<string, unknown>>) => Error;

/**
 * `x AT TIME ZONE z`, `timezone(z, x)`. Which way it goes depends on what `x` is:
 *
 *     ts AT TIME ZONE 'Europe/Berlin'                      what clocks there showed at that moment
 *     TIMESTAMP '2024-05-01 00:00' AT TIME ZONE 'Asia/…'   the moment at which clocks there show that
 *     ts AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin'   as the first
 *
 * A column of type timestamp is a moment, which PostgreSQL would call timestamptz. Who would call it timestamp, UTC
 * understood, writes the third form: at UTC it is itself.
 */
export function bindAtTimeZone(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const value = context.bind(fields.required('this'), scope);
  const zone = fields.required('zone');
  return atTimeZone(value, zone, site, (message, details) => fields.refuse(message, details));
}

export function atTimeZone(value: Typed, zone: SyntaxNode, site: BindSite, refuse: Refuse): Typed {
  if (site.context.dialect === 'mysql')
    throw refuse('AT TIME ZONE is not supported in MySQL; use CONVERT_TZ', { expected: 'CONVERT_TZ' });
  const rule = readClockRule(zone, site, refuse);
  const time = readTime(value, site, refuse);
  if (time.type === localTimestamp) return typed(toUtc(time.node, rule), 'timestamptz');
  const isUtc = rule.kind === 'zone' && rule.zone === utc;
  return typed(toLocal(time.node, rule), isUtc && time.type === 'timestamp' ? 'timestamp' : localTimestamp);
}

/** A date is its midnight: of UTC in PostgreSQL, where a moment is wanted, of the zone in DuckDB. */
function readTime(value: Typed, site: BindSite, refuse: Refuse): Typed {
  const { dialect } = site.context;
  if (value.type === 'date')
    return typed(cast(value.node, 'timestamp'), dialect === 'duckdb' ? localTimestamp : 'timestamp');
  if (value.type === 'null') return typed(literal('timestamp', null), 'timestamp');
  const bound = site.context.parameters.read(readJsonAs(value, 'timestamp'), 'timestamp');
  const time =
    dialect === 'postgresql' ? readMomentText(bound, 'timestamp', site.context.refuserOf(site.fields)) : bound;
  if (isTemporal(time.type)) return time;
  const found = time.type === 'literal' ? 'string' : time.type;
  throw refuse(`AT TIME ZONE takes a time, found ${found}; cast it to timestamp or timestamptz`, {
    expected: 'timestamp or timestamptz',
    actual: found,
  });
}

function toLocal(moment: PlanExpression, rule: ClockRule): PlanExpression {
  if (rule.kind === 'interval') return arithmetic('add', moment, rule.interval);
  return rule.kind === 'zone' ? localTime(rule.zone, moment) : literal('timestamp', null);
}

function toUtc(local: PlanExpression, rule: ClockRule): PlanExpression {
  if (rule.kind === 'interval') return arithmetic('subtract', local, rule.interval);
  return rule.kind === 'zone' ? utcTime(rule.zone, local) : literal('timestamp', null);
}

const utc = '+00:00';

/** A zone is a constant of the statement: its rules are part of the plan. */
export function readClockRule(node: SyntaxNode, site: BindSite, refuse: Refuse): ClockRule {
  const { context, scope } = site;
  if (kindOf(node) === 'identifier')
    throw refuse('AT LOCAL is not supported: no session has a time zone; name it', { expected: 'AT TIME ZONE' });
  const value = context.bind(node, scope);
  if (value.type === 'null') return { kind: 'null' };
  if (value.type === 'interval' && context.dialect === 'postgresql')
    return { kind: 'interval', interval: fixed(value, refuse) };
  if (value.node.kind !== 'literal' || typeof value.node.value !== 'string' || value.type !== 'literal')
    throw refuse('a time zone has to be a text in the statement', { expected: "a constant, as 'Europe/Berlin'" });
  const written = value.node.value;
  requireSameMeaning(written, site);
  try {
    return { kind: 'zone', zone: timeZoneText(readTimeZone(written)) };
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    throw context.refuseAt(context.text.positionOfText(written), error.message, error.details);
  }
}

const fixedUnits: ReadonlySet<IntervalUnit> = new Set(['hour', 'minute', 'second']);

function fixed({ node }: Typed, refuse: Refuse): PlanExpression {
  if (node.kind === 'interval' && node.value.kind === 'literal' && fixedUnits.has(node.unit)) return node;
  throw refuse('an interval in the place of a time zone is one constant of hours, minutes or seconds', {
    expected: "INTERVAL '2 hours'",
  });
}

/** Names that PostgreSQL reads as a fixed distance from UTC although zones are called so too. */
const abbreviations = new Set(['cet', 'eet', 'est', 'hst', 'met', 'mst', 'wet']);

/** Offsets count to the west in PostgreSQL's texts, and are no zones in DuckDB. */
function requireSameMeaning(written: string, site: BindSite): void {
  const { context } = site;
  if (context.dialect === 'mysql') return;
  const isOffset = /\d/.test(written) && readOffset(written);
  if (isOffset) {
    const expected = context.dialect === 'postgresql' ? "INTERVAL '2 hours', or a name" : "a name, as 'Etc/GMT-2'";
    throw context.refuseAt(
      context.text.positionOfText(written),
      `${written} is not taken for a time zone: offsets in texts count to the west in some systems and to the east in others`,
      { expected, actual: written },
    );
  }
  if (context.dialect === 'postgresql' && abbreviations.has(written.toLowerCase()))
    throw context.refuseAt(
      context.text.positionOfText(written),
      `${written} is a fixed distance from UTC in PostgreSQL; name a place, as Europe/Berlin`,
      { expected: 'the name of a place', actual: written },
    );
}

function readOffset(written: string): boolean {
  return /^[+-]?\d{1,2}(:?\d\d)?$/.test(written);
}
