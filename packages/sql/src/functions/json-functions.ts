import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast, choose, compare, integer, isNull, literal, logic, not, planErrors, text } from '@hybridstore/plan';
import { jsonSteps, readJson } from '../bind/columns.ts';
import { constantNumber, isText, jsonText, type Typed, textOf, typed } from '../bind/types.ts';
import type { CallSite, Translators } from './call-site.ts';

const extract = (as: 'json' | 'text') => (at: CallSite) => {
  const path = at.node(1);
  if (!path || at.count !== 2)
    throw at.refuse(`${at.call.name} takes a JSON value and a path`, { expected: 2, actual: at.count });
  return readJson(at.argument(0), jsonSteps(path, at.site, 'path'), as);
};

/** Keys as arguments: `json_extract_path(doc, 'a', 'b')`. */
const extractKeys = (as: 'json' | 'text') => (at: CallSite) => {
  const keys = at.call.operands.slice(1).map((_, index) => at.node(index + 1));
  const steps = keys
    .flatMap((node) => (node ? jsonSteps(node, at.site, 'arrow') : []))
    .map((step) => (typeof step === 'string' && /^\d{1,6}$/.test(step) ? Number(step) : step));
  return readJson(at.argument(0), steps, as);
};

/**
 * Functions on JSON. A path is read here and not by the engine, so it is a constant; `$.a[0]` and `{a,0}` are the same
 * steps, and a path into what another path reads becomes one with it:
 *
 *     JSON_EXTRACT(doc->'$.a', '$.b')      json_extract(doc, '/a/b')
 *
 * Left out: wildcards, and the names of JSON's types, which each dialect spells in its own way.
 */
export const jsonTranslators: Translators = {
  all: {
    json_extract: extract('json'),
    json_extract_string: extract('text'),
    json_value: extract('text'),
    json_query: extract('json'),
    json_extract_path: extractKeys('json'),
    json_extract_path_text: extractKeys('text'),
    jsonb_extract_path: extractKeys('json'),
    jsonb_extract_path_text: extractKeys('text'),
    json_unquote: unquote,
    json_array_length: (at) => measured('json_array_length', at),
    json_keys: (at) => measured('json_keys', at),
    json_exists: (at) => pathTest('json_exists', at),
    json_contains: (at) => typed(call('json_contains', at.argument(0).node, asJson(at.argument(1))), 'boolean'),
    row: (at) => typed({ kind: 'row', items: at.call.operands.map((_, index) => at.argument(index).node) }, 'struct'),
    array_length: listLength,
  },
  mysql: {
    json_length: jsonLength,
    json_keys: jsonKeys,
    json_value: (at) => scalarOnly(extract('json')(at)),
    json_query: (at) => compositeOnly(extract('json')(at)),
    json_contains: containsConstant,
    json_type: (at) => namesDiffer(at),
  },
  postgresql: {
    jsonb_array_length: arrayLength,
    json_array_length: arrayLength,
    json_typeof: (at) => namesDiffer(at),
    jsonb_typeof: (at) => namesDiffer(at),
  },
};

function namesDiffer(at: CallSite): never {
  throw at.refuse(
    `${at.call.name} names JSON types differently here; it is supported in the duckdb dialect as json_type`,
  );
}

const typeOf = (json: PlanExpression): PlanExpression => call('json_type', json);
const isType = (json: PlanExpression, type: string): PlanExpression => compare('eq', typeOf(json), text(type));
const valueAt = (at: CallSite): PlanExpression => (at.count > 1 ? extract('json')(at).node : at.argument(0).node);

/** MySQL counts the members of an object and the elements of an array; any other value is one. */
function jsonLength(at: CallSite): Typed {
  const json = valueAt(at);
  const length: PlanExpression = {
    kind: 'case',
    branches: [
      { when: isType(json, 'ARRAY'), result: call('json_array_length', json) },
      { when: isType(json, 'OBJECT'), result: call('len', call('json_keys', json)) },
      { when: isNull(typeOf(json), true), result: integer(1) },
    ],
  };
  return typed(cast(length, 'bigint'), 'bigint');
}

/** A JSON array of an object's keys; no other value has any. */
function jsonKeys(at: CallSite): Typed {
  const json = valueAt(at);
  return typed(choose(isType(json, 'OBJECT'), call('to_json', call('json_keys', json))), 'json');
}

function scalarOnly(value: Typed): Typed {
  const isScalar = not({
    kind: 'in',
    value: typeOf(value.node),
    list: [text('OBJECT'), text('ARRAY')],
    negated: false,
  });
  return typed(choose(isScalar, jsonText(value)), 'string');
}

function compositeOnly(value: Typed): Typed {
  const isComposite = logic('or', [isType(value.node, 'OBJECT'), isType(value.node, 'ARRAY')]);
  return typed(choose(isComposite, cast(value.node, 'json')), 'json');
}

/** PostgreSQL fails on values that are no array. */
function arrayLength(at: CallSite): Typed {
  const json = at.argument(0).node;
  const failure = cast(call('error', text(planErrors.notAnArray)), 'bigint');
  const length = cast(call('json_array_length', json), 'bigint');
  return typed(choose(isType(json, 'ARRAY'), length, choose(isNull(typeOf(json), true), failure)), 'bigint');
}

/** A JSON text without its quotes; a text that is none as it is. */
function unquote(at: CallSite): Typed {
  const value = at.argument(0);
  if (value.type === 'json') return typed(jsonText(value), 'string');
  const plain = textOf(value);
  const isQuoted = logic('and', [
    call('starts_with', plain, text('"')),
    call('ends_with', plain, text('"')),
    call('json_valid', plain),
  ]);
  const unquoted = call('json_extract_string', choose(isQuoted, plain), text('$'));
  return typed(choose(isQuoted, unquoted, plain), 'string');
}

/** A dimension beyond the first is of lists that hold lists of one length, which lists here need not. */
function listLength(at: CallSite): Typed {
  const length = call('len', at.argument(0).node);
  if (at.count === 1) return typed(length, 'bigint');
  if (constantNumber(at.argument(1)) !== 1)
    throw at.refuse('array_length takes dimension 1', { expected: 1, argument: 2 });
  // PostgreSQL has no length of an empty array.
  const isPlain = at.site.context.dialect === 'duckdb';
  return typed(isPlain ? length : call('nullif', length, integer(0)), 'bigint');
}

const nestedArraysMax = 3;
/** Values in the constant that is looked for; each is written out. */
const wantedValuesMax = 100;

/**
 * JSON_CONTAINS(document, constant[, path]). MySQL looks for a value among the elements of an array, and of arrays in it,
 * never among the members of an object, where the engine looks too. So the constant is taken apart here:
 *
 *     1, "a"          equals the value, or an element of it
 *     [1, 2]          the value is an array, and contains each
 *     {"a": 1}        the value is an object, and its a contains 1
 *
 * Left out: objects among the elements of an array, which fail.
 */
function containsConstant(at: CallSite): Typed {
  const wanted = readConstant(at);
  const base = at.argument(0);
  const path = at.node(2);
  const value = path ? readJson(base, jsonSteps(path, at.site, 'path'), 'json') : base;
  const answer = contains(value, wanted);
  return typed(choose(isNull(typeOf(value.node), true), call('coalesce', answer, falseLiteral)), 'boolean');
}

const falseLiteral = literal('boolean', false);

function readConstant(at: CallSite): unknown {
  const { node } = at.argument(1);
  const content = node.kind === 'literal' ? String(node.value) : '';
  try {
    // Numbers that JavaScript would round are looked for by their digits.
    const constant: unknown = JSON.parse(content, (_, value, { source }: { source?: string } = {}) =>
      typeof value === 'number' ? { number: source ?? String(value) } : value,
    );
    if (countValues(constant) <= wantedValuesMax) return constant;
  } catch {
    // Said below, with all that is no constant.
  }
  throw at.refuse(`json_contains takes a constant JSON value of at most ${wantedValuesMax} values to look for`, {
    expected: "'1', '\"text\"', '[1, 2]'",
    argument: 2,
  });
}

type JsonNumber = { readonly number: string };

function isJsonNumber(value: unknown): value is JsonNumber {
  return typeof value === 'object' && value !== null && 'number' in value && typeof value.number === 'string';
}

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null || isJsonNumber(value)) return 1;
  return Object.values(value).reduce((count: number, inner) => count + countValues(inner), 1);
}

function contains(value: Typed, wanted: unknown): PlanExpression {
  if (Array.isArray(wanted))
    return logic('and', [isType(value.node, 'ARRAY'), ...wanted.map((one) => contains(value, one))]);
  if (typeof wanted !== 'object' || wanted === null || isJsonNumber(wanted)) return containsScalar(value.node, wanted);
  const members = Object.entries(wanted).map(([key, inner]) => {
    const member = readJson(value, [key], 'json');
    return logic('and', [isNull(typeOf(member.node), true), contains(member, inner)]);
  });
  const inArray = cast(call('error', text(planErrors.objectInArray)), 'boolean');
  return choose(isType(value.node, 'ARRAY'), inArray, logic('and', [isType(value.node, 'OBJECT'), ...members]));
}

function containsScalar(json: PlanExpression, wanted: unknown): PlanExpression {
  const spelling = isJsonNumber(wanted) ? wanted.number : JSON.stringify(wanted);
  const spellings = /^-?\d+$/.test(spelling) ? [spelling, `${spelling}.0`] : [spelling];
  const candidates = spellings.map((one) => cast(text(one), 'json'));
  const isIn = (list: PlanExpression) => candidates.map((candidate) => call('list_contains', list, candidate));
  const levels = Array.from({ length: nestedArraysMax }, (_, depth) => `$${'[*]'.repeat(depth + 1)}`);
  const among = levels.flatMap((level) => isIn(cast(call('json_extract', json, text(level)), 'json[]')));
  const equal = candidates.map((candidate) => compare('eq', cast(json, 'string'), cast(candidate, 'string')));
  return choose(isType(json, 'ARRAY'), logic('or', among), logic('or', equal));
}

/** With a path, of the value there. */
function measured(name: string, at: CallSite): Typed {
  const type = name === 'json_keys' ? 'string[]' : 'bigint';
  if (at.count === 1) return typed(call(name, at.argument(0).node), type);
  return typed(call(name, extract('json')(at).node), type);
}

function pathTest(name: string, at: CallSite): Typed {
  const path = at.argument(1).node;
  if (path.kind !== 'literal') throw at.refuse('a JSON path must be a constant', { expected: 'a constant' });
  return typed(call(name, at.argument(0).node, path), 'boolean');
}

function asJson(value: Typed): PlanExpression {
  return value.type === 'json' || isText(value.type) ? cast(value.node, 'json') : call('to_json', value.node);
}
