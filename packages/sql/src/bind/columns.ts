import type { PlanExpression } from '@hybridstore/contracts';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { Place } from './bind-expression.ts';
import { type PathStep, readInto, resolvePath } from './scope.ts';
import { isInteger, jsonText, type Typed, typed } from './types.ts';

export function bindColumn(place: Place): Typed {
  const path = dottedPath(place.fields.node, place);
  for (const name of ['name', 'table', 'join_mark']) place.fields.value(name);
  return resolvePath(path ?? [], place.scope, place.context.position(place.fields.node));
}

/** `a.b.c`: the longest chain of names is resolved at once, since only the scope knows where the column ends. */
export function bindDot(place: Place): Typed {
  const { fields, scope, context } = place;
  const path = dottedPath(fields.node, place);
  const base = fields.required('this');
  const name = fields.name('field') ?? '';
  if (path) return resolvePath(path, scope, context.position(fields.node));
  return readInto(context.bind(base, scope), [name], context.position(fields.node));
}

/** Names and array places of a chain that begins with a column; undefined when it begins with anything else. */
function dottedPath(node: SyntaxNode, place: Place): readonly PathStep[] | undefined {
  const fields = place.context.fields(node);
  switch (kindOf(node)) {
    case 'column': {
      const table = fields.name('table');
      return [...(table === undefined ? [] : [table]), fields.name('name') ?? ''];
    }
    case 'dot': {
      const base = dottedPath(fields.required('this'), place);
      return base && [...base, fields.name('field') ?? ''];
    }
    case 'subscript': {
      const base = dottedPath(fields.required('this'), place);
      const index = subscriptStep(fields.optional('index'), place);
      return base && typeof index === 'number' && base.length > 1 ? [...base, index] : undefined;
    }
    default:
      return undefined;
  }
}

function subscriptStep(index: SyntaxNode | undefined, place: Place): PathStep | undefined {
  if (!index || kindOf(index) !== 'literal') return undefined;
  const fields = place.context.fields(index);
  const value = fields.text('value') ?? '';
  return fields.text('literal_type') === 'number' && /^\d{1,7}$/.test(value) ? Number(value) : value;
}

/** `list[1]` counts from 1 as in SQL; `doc.items[0]` counts from 0 as in JSON. */
export function bindSubscript(place: Place): Typed {
  const { fields, scope, context } = place;
  const position = context.position(fields.node);
  const baseNode = fields.required('this');
  const indexNode = fields.required('index');
  const base = context.bind(baseNode, scope);
  const step = subscriptStep(indexNode, place);
  if (base.type === 'json' && step !== undefined) return readInto(base, [step], position);
  if (base.type === 'struct' && typeof step === 'string') return readInto(base, [step], position);
  const isList = base.type === 'list' || base.type === 'unknown' || base.type.endsWith('[]');
  if (!isList)
    throw fields.refuse(`a value of type ${base.type} has no elements`, {
      expected: 'a list or JSON',
      actual: base.type,
    });
  const index = context.bind(indexNode, scope);
  if (!isInteger(index.type))
    throw fields.refuse('the index of a list is a whole number', { expected: 'a whole number' });
  const type = base.type.endsWith('[]') ? base.type.slice(0, -2) : 'unknown';
  return typed({ kind: 'element', value: base.node, index: index.node }, type);
}

/** `->`, `->>`, `#>`, `#>>` and the functions of the same meaning. A path is a constant: it is read here, not by the engine. */
export function bindJsonArrow(place: Place, as: 'json' | 'text'): Typed {
  const { fields, scope, context } = place;
  const base = context.bind(fields.required('this'), scope);
  const isPointer = fields.flag('hash_arrow_syntax') || fields.kind === 'json_extract_path';
  const isArrow = fields.flag('arrow_syntax');
  const pathNode = fields.optional('path') ?? fields.list('paths')[0];
  if (!pathNode) throw fields.refuse('a JSON path is missing');
  const steps = jsonSteps(pathNode, place, isPointer ? 'braces' : isArrow ? 'arrow' : 'path');
  return readJson(base, steps, as);
}

export function readJson(base: Typed, steps: readonly PathStep[], as: 'json' | 'text'): Typed {
  if (steps.length === 0) return as === 'json' ? base : typed(jsonText(base), 'string');
  const inner = base.node.kind === 'json_path' && base.node.as === 'json' ? base.node : undefined;
  const value: PlanExpression = inner?.value ?? base.node;
  return typed(
    { kind: 'json_path', value, path: [...(inner?.path ?? []), ...steps], as },
    as === 'json' ? 'json' : 'string',
  );
}

const stepForm = /\.(?:"((?:[^"\\]|\\.)*)"|([^.[\]"*]+))|\[(\d{1,7})\]/y;

/** Steps of `'$.a[0]'`, of a key or place after an arrow, of `'{a,0}'`; wildcards are refused. */
export function jsonSteps(node: SyntaxNode, place: Place, form: 'path' | 'arrow' | 'braces'): readonly PathStep[] {
  const bound = place.context.bind(node, place.scope).node;
  if (bound.kind !== 'literal' || bound.value === null)
    throw place.fields.refuse('a JSON path must be a constant', { expected: 'a constant' });
  if (typeof bound.value === 'number') return [bound.value];
  const content = String(bound.value);
  if (form === 'braces')
    return content
      .replace(/^\{|\}$/g, '')
      .split(',')
      .map((part) => toStep(part.trim()));
  if (content.startsWith('$')) return dollarSteps(content, place);
  if (content.startsWith('/') && place.context.dialect === 'duckdb')
    return content
      .slice(1)
      .split('/')
      .map((part) => toStep(part.replaceAll('~1', '/').replaceAll('~0', '~')));
  if (form === 'path' && place.context.dialect === 'mysql')
    throw place.fields.refuse(`${content.slice(0, 100)} is not a JSON path`, { expected: '$.path' });
  return [content];
}

function dollarSteps(content: string, place: Place): readonly PathStep[] {
  const steps: PathStep[] = [];
  stepForm.lastIndex = 1;
  while (stepForm.lastIndex < content.length) {
    const found = stepForm.exec(content);
    if (!found)
      throw place.fields.refuse(`${content.slice(0, 100)} is not a JSON path that is supported`, {
        expected: '$.key.key[0]',
      });
    const [, quoted, plain, index] = found;
    steps.push(
      index !== undefined ? Number(index) : quoted !== undefined ? quoted.replaceAll(/\\(.)/g, '$1') : (plain ?? ''),
    );
  }
  return steps;
}

function toStep(part: string): PathStep {
  return /^\d{1,7}$/.test(part) ? Number(part) : part;
}
