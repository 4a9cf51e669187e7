import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast, choose, compare, integer, isNull, logic, not, planErrors, text } from '@hybridstore/plan';
import { jsonSteps, readJson } from '../bind/columns.ts';
import { constantNumber, isText, jsonText, type Typed, textOf, typed } from '../bind/types.ts';
import type { CallSite, Translators } from './call-site.ts';
import { containsConstant, isType, typeOf } from './json-containment.ts';

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
 * Left out: wildcards.
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
    json_type: (at) => namedType(at, typeNames.mysql),
  },
  postgresql: {
    jsonb_array_length: arrayLength,
    json_array_length: arrayLength,
    json_typeof: (at) => namedType(at, typeNames.postgresql),
    jsonb_typeof: (at) => namedType(at, typeNames.postgresql),
  },
};

const typeNames = {
  mysql: { VARCHAR: 'STRING', BIGINT: 'INTEGER', UBIGINT: 'INTEGER', DOUBLE: 'DOUBLE' },
  postgresql: { VARCHAR: 'string', BIGINT: 'number', UBIGINT: 'number', DOUBLE: 'number' },
} as const;

/** The dialect's word for the type of a JSON value. */
function namedType(at: CallSite, names: Readonly<Record<string, string>>): Typed {
  const type = typeOf(at.argument(0).node);
  const branches = Object.entries(names).map(([engine, name]) => ({
    when: compare('eq', type, text(engine)),
    result: text(name),
  }));
  const isLower = at.site.context.dialect === 'postgresql';
  return typed({ kind: 'case', branches, otherwise: isLower ? call('lower', type) : type }, 'string');
}

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
