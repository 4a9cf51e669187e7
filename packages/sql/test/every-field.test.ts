import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Dialect, dialects, isHybridStoreError } from '@hybridstore/contracts';
import { bindQuery } from '../src/bind/bind-query.ts';
import { BindContext, ParameterBinder } from '../src/bind/context.ts';
import { emptyScope } from '../src/bind/scope.ts';
import { bindExpression } from '../src/bind-expression.ts';
import { parseText } from '../src/parsing/parse-text.ts';
import { prepareText } from '../src/syntax/prepared-text.ts';
import { Fields, isNode, type SyntaxNode } from '../src/syntax/syntax-tree.ts';
import { readCases } from './corpus-cases.ts';
import { corpusSchemas } from './corpus-data.ts';
import { samples } from './field-samples.ts';
import { type DeclaredType, readParserTypes } from './parser-types.ts';

/**
 * No field of any node may be dropped. The parser's own declarations say which nodes and fields there are; statements show
 * where they stand. Into every field of every node of those, in turn, other values are put, and the binder has to refuse
 * them, to make another plan of them, or to say why it ignores them.
 */
const { kinds, named } = readParserTypes();
/** Of one kind in one place of another one: the same node may be read by several rules. */
const occurrencesMax = 1;

const dropsShownMax = 5;

type Step = string | number;
type Occurrence = {
  readonly dialect: Dialect;
  readonly sql: string;
  readonly tree: SyntaxNode;
  readonly path: readonly Step[];
  readonly fields: ReadonlyMap<string, DeclaredType>;
};

function bindTree(tree: SyntaxNode, sql: string, dialect: Dialect): string {
  const context = new BindContext({
    text: prepareText(sql, dialect),
    options: { dialect, isStrict: true },
    schemas: corpusSchemas,
    parameters: new ParameterBinder([1, 2, 3]),
    outermost: undefined,
    query: bindQuery,
    expression: bindExpression,
  });
  return JSON.stringify(bindQuery(tree, emptyScope, context));
}

/** The plan, or the refusal. Anything else that is thrown would be a fault of the binder's. */
function outcomeOf(tree: SyntaxNode, sql: string, dialect: Dialect): string | Error {
  try {
    return bindTree(tree, sql, dialect);
  } catch (error) {
    if (isHybridStoreError(error, 'invalid_request')) return error;
    throw error;
  }
}

/** Every object of the tree that has declared fields, by the name of its kind or type. */
function findOccurrences(statements: readonly { readonly dialect: Dialect; readonly sql: string }[]) {
  const found = new Map<string, Occurrence[]>();
  const counts = new Map<string, number>();
  for (const { dialect, sql } of statements) {
    const tree = readTree(sql, dialect);
    if (!tree || typeof outcomeOf(tree, sql, dialect) !== 'string') continue;
    walk(tree, { kind: 'named', name: 'Expression' }, [], (name, fields, path) => {
      const list = found.get(name) ?? [];
      found.set(name, list);
      const place = [dialect, name, ...path.filter((step) => typeof step === 'string').slice(-3)].join(' ');
      const count = (counts.get(place) ?? 0) + 1;
      counts.set(place, count);
      if (count <= occurrencesMax) list.push({ dialect, sql, tree, path, fields });
    });
  }
  return found;
}

function readTree(sql: string, dialect: Dialect): SyntaxNode | undefined {
  try {
    return parseText(sql, dialect).tree;
  } catch (error) {
    if (isHybridStoreError(error)) return undefined;
    throw error;
  }
}

type Visit = (name: string, fields: ReadonlyMap<string, DeclaredType>, path: readonly Step[]) => void;

function walk(value: unknown, type: DeclaredType, path: readonly Step[], visit: Visit): void {
  if (Array.isArray(value)) {
    const item = listItem(type);
    if (item) for (const [index, element] of value.entries()) walk(element, item, [...path, index], visit);
    return;
  }
  if (!isNode(value)) return;
  const [kind = ''] = Object.keys(value);
  if (isExpression(type) && kinds.has(kind)) walkFields(value[kind], kind, kinds.get(kind), [...path, kind], visit);
  else walkFields(value, typeName(type), type, path, visit);
}

function walkFields(
  value: unknown,
  name: string,
  type: DeclaredType | undefined,
  path: readonly Step[],
  visit: Visit,
): void {
  const fields = isNode(value) && type ? fieldsOf(type, value) : undefined;
  if (!fields || !isNode(value)) return;
  // A place in the text, which messages alone read.
  if (name === 'Span') return;
  visit(name, fields, path);
  for (const [field, declared] of fields) walk(value[field], declared, [...path, field], visit);
}

function options(type: DeclaredType): readonly DeclaredType[] {
  if (type.kind === 'union') return type.options.flatMap(options);
  const inner = type.kind === 'named' && type.name !== 'Expression' ? named.get(type.name) : undefined;
  return inner ? options(inner) : [type];
}

function isExpression(type: DeclaredType): boolean {
  return options(type).some((option) => option.kind === 'named' && option.name === 'Expression');
}

function listItem(type: DeclaredType): DeclaredType | undefined {
  return options(type).find((option) => option.kind === 'list')?.item;
}

function typeName(type: DeclaredType): string {
  if (type.kind === 'named') return type.name;
  const inner = type.kind === 'union' ? type.options.find(({ kind }) => kind === 'named') : undefined;
  return inner ? typeName(inner) : 'unnamed';
}

/** Of several forms of an object, the one whose words and names the value has. */
function fieldsOf(type: DeclaredType, value: SyntaxNode): ReadonlyMap<string, DeclaredType> | undefined {
  const forms = options(type).flatMap((option) => (option.kind === 'object' ? [option.fields] : []));
  return forms.find((fields) =>
    [...fields].every(([name, declared]) =>
      declared.kind === 'word'
        ? value[name] === declared.value
        : forms.length === 1 || isTagged(fields) || name in value,
    ),
  );
}

function isTagged(fields: ReadonlyMap<string, DeclaredType>): boolean {
  return [...fields.values()].some(({ kind }) => kind === 'word');
}

/** Other values that a field of this type could hold. */
function otherValues(type: DeclaredType, current: unknown): readonly unknown[] {
  const isNullable = options(type).some((option) => option.kind === 'named' && option.name === 'null');
  const empty = isNullable ? undefined : false;
  return options(type).flatMap((option): readonly unknown[] => {
    if (option.kind === 'list') return [[...(Array.isArray(current) ? current : []), ...markers(option.item)]];
    return markers(option).filter((value) => value !== (current ?? empty));
  });
}

const marker = 'hs_marker';

function markers(type: DeclaredType): readonly unknown[] {
  if (type.kind === 'word') return [marker];
  if (type.kind === 'object') return [{ [marker]: true }];
  if (type.kind === 'list') return [markers(type.item)];
  if (type.kind === 'union') return type.options.slice(0, 1).flatMap(markers);
  switch (type.name) {
    case 'boolean':
      return [true, false];
    case 'null':
      return [];
    case 'number':
      return [7];
    case 'string':
      return [marker];
    case 'Expression':
      return [{ column: { name: { name: marker }, table: null } }];
    default:
      return [{ [marker]: true }];
  }
}

type Drop = { readonly field: string; readonly sql: string; readonly value: unknown };

/** Values that change nothing although nobody says why. */
function findDrops(name: string, occurrence: Occurrence): readonly Drop[] {
  const { tree, sql, dialect, path, fields } = occurrence;
  const before = bindTree(tree, sql, dialect);
  return [...fields].flatMap(([field, type]) => {
    // How many arguments a function takes is for its translator to say.
    if (type.kind === 'word' || (name === 'function' && field === 'args')) return [];
    const values = otherValues(type, objectAt(tree, path)[field]);
    // One of them may be what the field means when it is empty; all of them cannot.
    const dropped = values.filter((value) => {
      const changed = structuredClone(tree);
      const holder = objectAt(changed, path);
      holder[field] = value;
      ignored.length = 0;
      const after = outcomeOf(changed, sql, dialect);
      const isIgnored = [...path, field].some((step, depth) =>
        isIgnoredIn(objectAt(changed, path.slice(0, depth)), step),
      );
      return after === before && !isIgnored;
    });
    const isDropped = dropped.length > 0 && dropped.length === values.length;
    return isDropped ? [{ field: `${name}.${field}`, sql: `${dialect}: ${sql}`, value: dropped[0] }] : [];
  });
}

/** Ignored itself, or within what is. */
function isIgnoredIn(holder: unknown, field: Step): boolean {
  return ignored.some((entry) => entry.holder === holder && entry.field === field && entry.reason !== '');
}

function objectAt(tree: SyntaxNode, path: readonly Step[]): Record<string, unknown> {
  let at: unknown = tree;
  for (const step of path) at = (at as Record<Step, unknown>)[step]; // the path was taken from this very tree
  return at as Record<string, unknown>;
}

const ignored: { readonly holder: unknown; readonly field: string; readonly reason: string }[] = [];
const ignore = Fields.prototype.ignore;
Fields.prototype.ignore = function (this: Fields, field: string, reason: string) {
  ignored.push({ holder: this.node[this.kind], field, reason });
  ignore.call(this, field, reason);
};

/**
 * A node that no statement shows, since the parser of these dialects writes it as a call: made up from its declaration, of
 * operands of the first kind that the binder takes.
 */
function makeUp(kind: string): Occurrence | undefined {
  const type = kinds.get(kind);
  const fields = type && fieldsOf(type, {});
  const sql = 'SELECT 1 FROM sales, movies';
  for (const dialect of dialects)
    for (const operand of operands)
      for (const isFull of [false, true]) {
        const raw = Object.fromEntries(
          [...(fields ?? [])].map(([name, declared]) => [name, filled(declared, operand, isFull)]),
        );
        const read = readTree(sql, dialect)?.['select'];
        const node = { [kind]: fields ? raw : null };
        const plain = ['select', 'expressions', 0, kind];
        const inWindow = ['select', 'expressions', 0, 'window_function', 'this', kind];
        for (const [output, path] of [
          [node, plain],
          [{ window_function: { this: node, over: {} } }, inWindow],
        ] as const) {
          const tree: SyntaxNode = { select: { ...(isNode(read) ? read : {}), expressions: [output] } };
          if (typeof outcomeOf(tree, sql, dialect) === 'string')
            return { dialect, sql, tree, path, fields: fields ?? new Map() };
        }
      }
  return undefined;
}

const literal = (literal_type: string, value: string): SyntaxNode => ({ literal: { literal_type, value } });
const column = (name: string): SyntaxNode => ({ column: { name: { name }, table: null } });
const operands: readonly SyntaxNode[] = [
  literal('number', '1'),
  literal('string', 'a'),
  column('doc'),
  column('day'),
  column('order_date'),
  { array_func: { expressions: [literal('number', '1')] } },
  { count: { star: true } },
  { j_s_o_n_key_value: { this: { var: { this: 'note' } }, expression: literal('number', '1') } },
];

function filled(type: DeclaredType, operand: SyntaxNode, isFull: boolean): unknown {
  const forms = options(type);
  if (!isFull && forms.some((form) => form.kind === 'named' && form.name === 'null')) return null;
  if (isExpression(type)) return operand;
  const item = listItem(type);
  if (item) return isExpression(item) ? ('j_s_o_n_key_value' in operand ? [operand] : [operand, operand]) : [];
  return forms.some((form) => form.kind === 'named' && form.name === 'boolean') ? false : null;
}

describe('every field of every node of the parser', () => {
  const statements = [...samples, ...readCases()];
  const found = findOccurrences(statements);

  test('is declared: the declarations are read', () => {
    assert.ok(kinds.size > 900, `${kinds.size} kinds of node`);
  });

  for (const kind of kinds.keys()) {
    if (found.has(kind)) continue;
    const madeUp = makeUp(kind);
    if (madeUp) {
      found.set(kind, [madeUp]);
      continue;
    }
    test(`${kind} is refused by its name, for no statement here shows it`, () => {
      for (const dialect of dialects) {
        const outcome = outcomeOf({ select: { expressions: [{ [kind]: {} }] } }, 'SELECT 1', dialect);
        assert.ok(
          outcome instanceof Error &&
            /is not (supported|allowed)|has no number|needs OVER|lacks this/.test(outcome.message),
          String(outcome),
        );
      }
    });
  }

  for (const [name, occurrences] of found)
    test(`${name} is bound, refused or ignored for a reason, field by field`, () => {
      assert.deepEqual(occurrences.flatMap((occurrence) => findDrops(name, occurrence)).slice(0, dropsShownMax), []);
    });
});
