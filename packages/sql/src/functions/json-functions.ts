import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast } from '@hybridstore/plan';
import { jsonSteps, readJson } from '../bind/columns.ts';
import { isText, jsonText, type Typed, typed } from '../bind/types.ts';
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
  const steps = keys.flatMap((node) => (node ? jsonSteps(node, at.site, 'arrow') : []));
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
    json_unquote: (at) => (at.argument(0).type === 'json' ? typed(jsonText(at.argument(0)), 'string') : at.argument(0)),
    json_array_length: (at) => measured('json_array_length', at),
    json_keys: (at) => measured('json_keys', at),
    json_exists: (at) => pathTest('json_exists', at),
    json_contains: (at) => typed(call('json_contains', at.argument(0).node, asJson(at.argument(1))), 'boolean'),
    row: (at) => typed({ kind: 'row', items: at.call.operands.map((_, index) => at.argument(index).node) }, 'struct'),
    array_length: (at) => typed(call('len', at.argument(0).node), 'bigint'),
  },
  mysql: { json_length: (at) => measured('json_array_length', at), json_type: (at) => namesDiffer(at) },
  postgresql: {
    jsonb_array_length: (at) => measured('json_array_length', at),
    json_typeof: (at) => namesDiffer(at),
    jsonb_typeof: (at) => namesDiffer(at),
  },
};

function namesDiffer(at: CallSite): never {
  throw at.refuse(
    `${at.call.name} names JSON types differently here; it is supported in the duckdb dialect as json_type`,
  );
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
