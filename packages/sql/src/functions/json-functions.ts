import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast, choose, compare, integer, isNull, logic, not, planErrors, text } from '@hybridstore/plan';
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

const scalarForm = /^(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null)$/;
const nestedArraysMax = 3;

/**
 * MySQL looks for a value among the elements of an array, and of arrays in it, never among the members of an object, where
 * the engine looks too. So it is one constant scalar, and arrays that hold objects are searched level by level.
 */
function containsConstant(at: CallSite): Typed {
  const wanted = at.argument(1).node;
  const content = wanted.kind === 'literal' ? String(wanted.value).trim() : '';
  if (!scalarForm.test(content))
    throw at.refuse('json_contains takes a constant JSON scalar to look for', {
      expected: "'1', '\"text\"', 'true'",
      argument: 2,
    });
  const base = at.argument(0);
  const path = at.node(2);
  const json = path ? readJson(base, jsonSteps(path, at.site, 'path'), 'json').node : base.node;
  const spellings = /^-?\d+$/.test(content) ? [content, `${content}.0`] : [content];
  const candidates = spellings.map((spelling) => cast(text(spelling), 'json'));
  const isIn = (list: PlanExpression) => candidates.map((candidate) => call('list_contains', list, candidate));
  const levels = Array.from({ length: nestedArraysMax }, (_, depth) => `$${'[*]'.repeat(depth + 1)}`);
  const isAmong = logic(
    'or',
    levels.flatMap((level) => isIn(cast(call('json_extract', json, text(level)), 'json[]'))),
  );
  const isEqual = logic(
    'or',
    candidates.map((candidate) => compare('eq', cast(json, 'string'), cast(candidate, 'string'))),
  );
  return typed(choose(isType(json, 'ARRAY'), isAmong, choose(isNull(typeOf(json), true), isEqual)), 'boolean');
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
