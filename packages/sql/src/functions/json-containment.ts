import type { PlanExpression, PlanQuery } from '@hybridstore/contracts';
import {
  call,
  cast,
  choose,
  column,
  compare,
  integer,
  isNull,
  literal,
  logic,
  planErrors,
  text,
} from '@hybridstore/plan';
import { type BindSite, bindField } from '../bind/bind-site.ts';
import { jsonSteps, readJson } from '../bind/columns.ts';
import { jsonText, type Typed, typed } from '../bind/types.ts';
import type { CallSite } from './call-site.ts';

/** Levels of arrays in which MySQL's values are looked for. */
const nestedArraysMax = 3;
/** Values in the constant that is looked for; each is written out. */
const wantedValuesMax = 100;

/**
 * A constant JSON value that is looked for in another, taken apart here: the engine's own search looks among the members of
 * objects too, at every depth, which no dialect does.
 *
 *     1, "a"          the value itself, or an element of it     MySQL: of arrays in it as well; PostgreSQL: at the top alone
 *     [1, {…}]        the value is an array, and holds each
 *     {"a": 1}        the value is an object, and its a holds 1; MySQL: or an element of it is
 *
 * Left out: a value to look for that is not constant, and MySQL's arrays among its elements, which MySQL and MariaDB read
 * differently. What is held deeper than three levels of arrays is not found, and fails where there is something that deep.
 */
export function containsConstant(at: CallSite): Typed {
  const place: Place = { site: at.site, refuse: (message, details) => at.refuse(message, { argument: 2, ...details }) };
  const wanted = readConstant(at.argument(1), place);
  const base = at.argument(0);
  const path = at.node(2);
  const value = path ? readJson(base, jsonSteps(path, at.site, 'path'), 'json') : base;
  return ifPresent(value, holdsInMysql(value, wanted, place));
}

/** `a @> b` and `b <@ a` of PostgreSQL. */
export function bindContains(site: BindSite, whole: 'left' | 'right'): Typed {
  const value = bindField(site, whole);
  const part = bindField(site, whole === 'left' ? 'right' : 'left');
  const place: Place = { site, refuse: (message, details) => site.fields.refuse(message, details) };
  if (site.context.dialect !== 'postgresql' || (value.type !== 'json' && part.type !== 'json'))
    throw site.fields.refuse('@> and <@ take values of type jsonb', { expected: 'jsonb', actual: value.type });
  const wanted = readConstant(part, place);
  const isHeld = holdsInPostgresql(value, wanted, place);
  const isScalar = !Array.isArray(wanted) && !isObject(wanted);
  const atTop = isScalar ? choose(isType(value.node, 'ARRAY'), isAmong(elements(value, 1), wanted), isHeld) : isHeld;
  return ifPresent(value, atTop);
}

type Place = { readonly site: BindSite; readonly refuse: CallSite['refuse'] };

export const typeOf = (json: PlanExpression): PlanExpression => call('json_type', json);
export const isType = (json: PlanExpression, type: string): PlanExpression => compare('eq', typeOf(json), text(type));
const isPresent = (json: PlanExpression): PlanExpression => isNull(typeOf(json), true);

function ifPresent(value: Typed, answer: PlanExpression): Typed {
  return typed(choose(isPresent(value.node), call('coalesce', answer, literal('boolean', false))), 'boolean');
}

function readConstant({ node }: Typed, place: Place): unknown {
  const inner = node.kind === 'cast' ? node.value : node;
  const content = inner.kind === 'literal' ? String(inner.value) : '';
  try {
    // Numbers that JavaScript would round are looked for by their digits.
    const constant: unknown = JSON.parse(content, (_, value, { source }: { source?: string } = {}) =>
      typeof value === 'number' ? { number: source ?? String(value) } : value,
    );
    if (countValues(constant) <= wantedValuesMax) return constant;
  } catch {
    // Said below, with all that is no constant.
  }
  throw place.refuse(`a constant JSON value of at most ${wantedValuesMax} values can be looked for`, {
    expected: "'1', '\"text\"', '[1, 2]'",
  });
}

type JsonNumber = { readonly number: string };

function isJsonNumber(value: unknown): value is JsonNumber {
  return typeof value === 'object' && value !== null && 'number' in value && typeof value.number === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isJsonNumber(value);
}

function countValues(value: unknown): number {
  if (!Array.isArray(value) && !isObject(value)) return 1;
  return Object.values(value).reduce((count: number, inner) => count + countValues(inner), 1);
}

function holdsInMysql(value: Typed, wanted: unknown, place: Place): PlanExpression {
  if (Array.isArray(wanted)) {
    if (wanted.some(Array.isArray))
      throw place.refuse('json_contains looks for no arrays among the elements of an array', { expected: 'no array' });
    return logic('and', [isType(value.node, 'ARRAY'), ...wanted.map((one) => holdsInMysql(value, one, place))]);
  }
  const itself = isObject(wanted)
    ? objectHolds(value, wanted, (member, inner) => holdsInMysql(member, inner, place))
    : isScalar(value.node, wanted);
  const among = isObject(wanted)
    ? someElement(elements(value, nestedArraysMax), place, (element) =>
        objectHolds(element, wanted, (member, inner) => holdsInMysql(member, inner, place)),
      )
    : isAmong(elements(value, nestedArraysMax), wanted);
  const failure = cast(call('error', text(planErrors.arraysTooDeep)), 'boolean');
  const isDeep = compare('gt', call('len', level(value, nestedArraysMax + 1)), integer(0));
  const found = choose(among, literal('boolean', true), choose(isDeep, failure, literal('boolean', false)));
  return choose(isType(value.node, 'ARRAY'), found, itself);
}

function holdsInPostgresql(value: Typed, wanted: unknown, place: Place): PlanExpression {
  if (Array.isArray(wanted)) {
    const each = wanted.map((one) =>
      Array.isArray(one) || isObject(one)
        ? someElement(elements(value, 1), place, (element) => holdsInPostgresql(element, one, place))
        : isAmong(elements(value, 1), one),
    );
    return logic('and', [isType(value.node, 'ARRAY'), ...each]);
  }
  if (isObject(wanted)) return objectHolds(value, wanted, (member, inner) => holdsInPostgresql(member, inner, place));
  return isScalar(value.node, wanted);
}

type Holds = (member: Typed, wanted: unknown) => PlanExpression;

function objectHolds(value: Typed, wanted: Readonly<Record<string, unknown>>, holds: Holds): PlanExpression {
  const members = Object.entries(wanted).map(([key, inner]) => {
    const member = readJson(value, [key], 'json');
    return logic('and', [isPresent(member.node), holds(member, inner)]);
  });
  return logic('and', [isType(value.node, 'OBJECT'), ...members]);
}

/** Elements at a depth of arrays, from 1. */
function level(value: Typed, depth: number): PlanExpression {
  return cast(call('json_extract', value.node, text(`$${'[*]'.repeat(depth)}`)), 'json[]');
}

function elements(value: Typed, depth: number): PlanExpression {
  const levels = Array.from({ length: depth }, (_, index) => level(value, index + 1));
  return levels.reduce((all, next) => call('list_concat', all, next));
}

function isAmong(list: PlanExpression, wanted: unknown): PlanExpression {
  if (isJsonNumber(wanted)) return call('json_holds_number', list, text(wanted.number));
  return call('list_contains', list, cast(text(JSON.stringify(wanted)), 'json'));
}

function isScalar(json: PlanExpression, wanted: unknown): PlanExpression {
  if (isJsonNumber(wanted)) return isAmong({ kind: 'array', items: [cast(json, 'json')] }, wanted);
  if (typeof wanted !== 'string') return compare('eq', cast(json, 'string'), text(JSON.stringify(wanted)));
  return logic('and', [isType(json, 'VARCHAR'), compare('eq', jsonText(typed(json, 'json')), text(wanted))]);
}

const elementName = 'element';

function someElement(list: PlanExpression, { site }: Place, holds: (element: Typed) => PlanExpression): PlanExpression {
  const alias = site.context.uniqueName('elements');
  const query: PlanQuery = {
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: elementName, value: integer(1) }],
      from: { kind: 'unnest', value: list, alias, column: elementName },
      where: holds(typed(column(alias, elementName), 'json')),
    },
  };
  return { kind: 'exists', query, negated: false };
}
