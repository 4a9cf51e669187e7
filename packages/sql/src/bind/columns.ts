import type { PlanExpression } from '@hybridstore/contracts';
import { kindOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindSite } from './bind-site.ts';
import { bindDottedCollation } from './collations.ts';
import { type PathStep, readInto, resolvePath } from './scope.ts';
import { isInteger, jsonText, type Typed, typed } from './types.ts';

export function bindColumn(site: BindSite): Typed {
  const path = dottedPath(site.fields.node, site);
  for (const name of ['name', 'table']) site.fields.ignore(name, 'read by dottedPath');
  return resolvePath(path ?? [], site.scope, site.context.position(site.fields.node));
}

/** `a.b.c`: the longest chain of names is resolved at once, since only the scope knows where the column ends. */
export function bindDot(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const collated = bindDottedCollation(site);
  if (collated) return collated;
  const path = dottedPath(fields.node, site);
  const base = fields.required('this');
  const name = fields.name('field') ?? '';
  if (path) return resolvePath(path, scope, context.position(fields.node));
  return readInto(context.bind(base, scope), [name], context.position(fields.node));
}

/** Names and array places of a chain that begins with a column; undefined when it begins with anything else. */
function dottedPath(node: SyntaxNode, site: BindSite): readonly PathStep[] | undefined {
  const fields = site.context.fields(node);
  switch (kindOf(node)) {
    case 'column': {
      const path = [fields.name('table'), fields.name('name') ?? ''].filter((name) => name !== undefined);
      fields.finish();
      return path;
    }
    case 'dot': {
      const base = dottedPath(fields.required('this'), site);
      const name = fields.name('field') ?? '';
      fields.finish();
      return base && [...base, name];
    }
    case 'subscript': {
      const base = dottedPath(fields.required('this'), site);
      const index = subscriptStep(fields.optional('index'), site);
      fields.finish();
      return base && typeof index === 'number' && base.length > 1 ? [...base, index] : undefined;
    }
    default:
      return undefined;
  }
}

function subscriptStep(index: SyntaxNode | undefined, site: BindSite): PathStep | undefined {
  if (!index || kindOf(index) !== 'literal') return undefined;
  const fields = site.context.fields(index);
  const isNumber = fields.text('literal_type') === 'number';
  const value = fields.text('value') ?? '';
  fields.finish();
  return isNumber && /^\d{1,7}$/.test(value) ? Number(value) : value;
}

/** `list[1]` counts from 1 as in SQL; `doc.items[0]` counts from 0 as in JSON. */
export function bindSubscript(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const position = context.position(fields.node);
  const baseNode = fields.required('this');
  const indexNode = fields.required('index');
  const base = context.bind(baseNode, scope);
  const step = subscriptStep(indexNode, site);
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
export function bindJsonArrow(site: BindSite, as: 'json' | 'text'): Typed {
  const { fields, scope, context } = site;
  const base = context.bind(fields.required('this'), scope);
  const isPointer = fields.flag('hash_arrow_syntax') || fields.kind === 'json_extract_path';
  const isArrow = context.dialect === 'mysql' && fields.flag('arrow_syntax');
  if (context.dialect !== 'mysql')
    fields.ignore('arrow_syntax', 'a key or path is one behind an arrow or a comma alike');
  const [pathNode, more] = [fields.optional('path'), ...fields.list('paths')].filter((path) => path !== undefined);
  if (!pathNode) throw fields.refuse('a JSON path is missing');
  if (more) throw fields.refuse('one JSON path is read, found several', { expected: 'one path' });
  const steps = jsonSteps(pathNode, site, isPointer ? 'braces' : isArrow ? 'arrow' : 'path');
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
export function jsonSteps(node: SyntaxNode, site: BindSite, form: 'path' | 'arrow' | 'braces'): readonly PathStep[] {
  const bound = site.context.bind(node, site.scope).node;
  if (bound.kind !== 'literal' || bound.value === null)
    throw site.fields.refuse('a JSON path must be a constant', { expected: 'a constant' });
  const isPath = form === 'path' && site.context.dialect === 'mysql';
  if (typeof bound.value === 'number' && form !== 'braces' && !isPath) return [bound.value];
  const content = String(bound.value);
  if (form === 'braces') {
    site.fields.ignore('arrow_syntax', 'another arrow decides');
    return bracedSteps(content, site);
  }
  // To PostgreSQL an arrow's text is a key, whatever is in it.
  if (form === 'arrow' && site.context.dialect === 'postgresql') return [content];
  if (content.startsWith('$')) {
    site.fields.ignore('arrow_syntax', 'a path from the root says where it begins, behind an arrow too');
    return pathSteps(content, site);
  }
  if (content.startsWith('/') && site.context.dialect === 'duckdb')
    return content
      .slice(1)
      .split('/')
      .map((part) => toStep(part.replaceAll('~1', '/').replaceAll('~0', '~')));
  if (isPath) throw site.fields.refuse(`${content.slice(0, 100)} is not a JSON path`, { expected: '$.path' });
  return [content];
}

function bracedSteps(content: string, site: BindSite): readonly PathStep[] {
  const inside = /^\{(.*)\}$/s.exec(content)?.[1];
  if (inside === undefined)
    throw site.fields.refuse(`${content.slice(0, 100)} is not a JSON path`, { expected: '{key,0}' });
  return inside.split(',').map((part) => toStep(part.trim()));
}

/** Steps of `$.a[0]`. */
export function pathSteps(content: string, site: BindSite): readonly PathStep[] {
  const steps: PathStep[] = [];
  stepForm.lastIndex = 1;
  while (stepForm.lastIndex < content.length) {
    const found = stepForm.exec(content);
    if (!found)
      throw site.fields.refuse(`${content.slice(0, 100)} is not a JSON path that is supported`, {
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
