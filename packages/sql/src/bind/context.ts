import type { Dialect, ParameterInput, ParameterNode, ParameterScalar, PlanParameter } from '@hybridstore/contracts';
import { cast, type PlanSchemas } from '@hybridstore/plan';
import type { PreparedText } from '../syntax/prepared-text.ts';
import { type Position, refuseSql } from '../syntax/refusal.ts';
import type { SelectList } from '../syntax/select-list.ts';
import { Fields, kindOf, positionOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BoundQuery } from './bound-query.ts';
import { isMomentType, readMomentText } from './moment-text.ts';
import { describeKey, isBoundText, type ParameterKey, typeBeside, valueOfKey } from './parameter-values.ts';
import type { Scope } from './scope.ts';
import { bitsAsNumber, dialectText, isDecimal, isFloating, isNumber, isText, type Typed, typed } from './types.ts';

export type SqlOptions = {
  readonly dialect: Dialect;
  /** Refuse what a dialect would convert or reject at run time: text beside numbers, numbers as conditions. */
  readonly isStrict: boolean;
  /** When present, only these functions (lower case, as written). */
  readonly supportedFunctions?: ReadonlySet<string> | undefined;
};

/** By place for `?` and `$1`, by name for `:name`. */
export type ParameterValues = readonly ParameterInput[] | Readonly<Record<string, ParameterInput>>;

/**
 * What every step of binding shares: the statement, its dialect and schemas, names already given out, parameters bound.
 * `query` and `expression` are the two recursive steps, held here so that their files need not import each other.
 */
export class BindContext {
  readonly text: PreparedText;
  readonly options: SqlOptions;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterBinder;
  readonly #outermost: SelectList | undefined;
  readonly query: (tree: SyntaxNode, outer: Scope, context: BindContext) => BoundQuery;
  readonly expression: (node: SyntaxNode, scope: Scope, context: BindContext) => Typed;
  readonly #names = new Set<string>();

  constructor(parts: {
    readonly text: PreparedText;
    readonly options: SqlOptions;
    readonly schemas: PlanSchemas;
    readonly parameters: ParameterBinder;
    readonly outermost: SelectList | undefined;
    readonly query: BindContext['query'];
    readonly expression: BindContext['expression'];
  }) {
    this.text = parts.text;
    this.options = parts.options;
    this.schemas = parts.schemas;
    this.parameters = parts.parameters;
    this.#outermost = parts.outermost;
    this.query = parts.query;
    this.expression = parts.expression;
  }

  get dialect(): Dialect {
    return this.options.dialect;
  }

  fields(node: SyntaxNode): Fields {
    return new Fields(node, this.text);
  }

  /** The one field of a node that says nothing else: parentheses, a node with comments. */
  only(node: SyntaxNode, name: string): SyntaxNode {
    const fields = this.fields(node);
    const inner = fields.required(name);
    fields.finish();
    return inner;
  }

  /** The items of a row in parentheses. */
  items(tuple: SyntaxNode): readonly SyntaxNode[] {
    const fields = this.fields(tuple);
    const items = fields.list('expressions');
    fields.finish();
    return items;
  }

  /** A bare word, which the parser reads as a column. */
  isWord(node: SyntaxNode, word: string): boolean {
    if (kindOf(node) !== 'column') return false;
    const fields = this.fields(node);
    const isIt = fields.name('name')?.toLowerCase() === word;
    if (isIt && fields.name('table') === undefined) fields.finish();
    return isIt && fields.name('table') === undefined;
  }

  /** How the statement writes the outputs of this block; only those of the outermost one are known. */
  outputTexts(select: SyntaxNode): readonly string[] | undefined {
    return this.#outermost?.select === select ? this.#outermost.texts : undefined;
  }

  bind(node: SyntaxNode, scope: Scope): Typed {
    return this.expression(node, scope, this);
  }

  /**
   * Values that meet each other: a bound text among them takes the type of the others, as does every text beside dates and
   * times. In MySQL a condition beside a number with a fraction is 0 or 1, which the engine would refuse, and bits beside
   * a number are one.
   */
  meet(given: readonly Typed[], fields: Fields): readonly Typed[] {
    const values =
      this.dialect === 'mysql' ? meetInMysql(given) : this.dialect === 'postgresql' ? meetInPostgresql(given) : given;
    const type = typeBeside(values.map((value) => value.type));
    if (type === undefined) return values;
    const read = values.map((value) => this.parameters.read(value, type));
    return isMomentType(type) ? read.map((value) => readMomentText(value, type, fields)) : read;
  }

  /** Values of which one is the result: MySQL makes texts of all where one is a text and another a number or a condition. */
  mix(values: readonly Typed[], fields: Fields): readonly Typed[] {
    const isMixed =
      values.some((value) => isText(value.type) && !isBoundText(value)) &&
      values.some((value) => isNumber(value.type) || value.type === 'boolean');
    if (this.dialect !== 'mysql' || !isMixed) return this.meet(values, fields);
    return values.map((value) => (value.type === 'null' ? value : typed(dialectText(value, this.dialect), 'string')));
  }

  position(node: unknown): Position | undefined {
    return positionOf(node, this.text);
  }

  refuseAt(position: Position | undefined, message: string, details: Readonly<Record<string, unknown>> = {}): Error {
    return refuseSql(message, position, details);
  }

  /** A name that nothing else in the plan has: scopes of the plan never shadow each other. */
  uniqueName(wanted: string): string {
    const base = wanted.slice(0, 200) || 'relation';
    let name = base;
    for (let suffix = 2; this.#names.has(name.toLowerCase()); suffix += 1) name = `${base}_${suffix}`;
    this.#names.add(name.toLowerCase());
    return name;
  }
}

/** A number of 32 bits beside another one is compared with 64 bits: `0.1::real = 0.1` is false. */
function meetInPostgresql(values: readonly Typed[]): readonly Typed[] {
  const hasOther = values.some((value) => isDecimal(value.type) || value.type === 'double');
  if (!hasOther || values.every((value) => value.type !== 'float')) return values;
  return values.map((value) =>
    value.type === 'float' || isDecimal(value.type) ? typed(cast(value.node, 'double'), 'double') : value,
  );
}

function meetInMysql(values: readonly Typed[]): readonly Typed[] {
  const hasNumber = values.some((value) => isNumber(value.type));
  const hasFraction = values.some((value) => isDecimal(value.type) || isFloating(value.type));
  if (!hasNumber) return values;
  return values.map((value) =>
    hasFraction && value.type === 'boolean' ? typed(cast(value.node, 'integer'), 'integer') : bitsAsNumber(value),
  );
}

/** Parameters in the order in which the plan binds them, with the caller's key of each. */
export class ParameterBinder {
  readonly #values: ParameterValues;
  readonly #list: PlanParameter[] = [];
  readonly #uses: number[] = [];
  readonly #types = new Map<number, string>();
  readonly #reads: number[] = [];
  readonly keys: ParameterKey[] = [];
  /** Where the value of a key, or the first of its list, is among the parameters. */
  readonly #places = new Map<string | number, number>();

  constructor(values: ParameterValues) {
    this.#values = values;
  }

  /** A text has the type that it is read as, where it is read so wherever the statement uses it. */
  get list(): readonly PlanParameter[] {
    return this.#list.map(({ type, value }, index) => ({
      type: (this.#uses[index] === (this.#reads[index] ?? 1) ? this.#types.get(index) : undefined) ?? type,
      value,
    }));
  }

  /** A bound number has to be a count of rows. */
  count(node: ParameterNode): ParameterNode {
    this.#types.set(node.index, 'ubigint');
    return node;
  }

  /** A bound text is to be read as a value of this type from here on; every other value stays as it is. */
  read(value: Typed, type: string): Typed {
    if (value.node.kind !== 'parameter' || !isBoundText(value)) return value;
    const { index } = value.node;
    const isAgreed = (this.#types.get(index) ?? type) === type;
    this.#types.set(index, type);
    this.#reads[index] = isAgreed ? (this.#reads[index] ?? 0) + 1 : Number.NaN;
    return typed(value.node, type);
  }

  /** A text takes the type of what it meets, like a text in the statement. */
  bind(key: string | number, position: Position | undefined): Typed {
    const value = this.#given(key, position);
    if (!isList(value)) return this.#use(this.#placeOf(key, [value]), value);
    const expected = 'one value, or IN (?), = ANY(?), <> ALL(?) around the list';
    throw refuseSql(`parameter ${describeKey(key)}: a list stands in IN, = ANY and <> ALL only`, position, {
      field: 'parameters',
      parameter: describeKey(key),
      expected,
      actual: 'a list',
    });
  }

  /** The values of a list, each a parameter of the plan; undefined where one value is bound. */
  bindList(key: string | number, position: Position | undefined): readonly Typed[] | undefined {
    const values = this.#given(key, position);
    if (!isList(values)) return undefined;
    const first = this.#placeOf(key, values);
    return values.map((value, item) => this.#use(first + item, value));
  }

  #given(key: string | number, position: Position | undefined): ParameterInput {
    const value = valueOfKey(this.#values, key);
    if (value !== undefined) return value;
    throw refuseSql(`parameter ${describeKey(key)} has no value`, position, { parameter: key });
  }

  #placeOf(key: string | number, values: readonly ParameterScalar[]): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const first = this.#list.length;
    const isOne = !isList(valueOfKey(this.#values, key));
    values.forEach((value, item) => {
      this.keys.push(isOne ? key : [key, item]);
      this.#list.push({ type: parameterType(value), value });
    });
    this.#places.set(key, first);
    return first;
  }

  #use(index: number, value: ParameterScalar): Typed {
    this.#uses[index] = (this.#uses[index] ?? 0) + 1;
    const type = parameterType(value);
    const seen = value === null ? 'null' : type === 'string' ? 'literal' : type;
    return typed({ kind: 'parameter', index }, seen);
  }

  /** Values that the statement does not use are a mistake of the caller. */
  requireAllUsed(): void {
    const given = Array.isArray(this.#values) ? this.#values.map((_, index) => index) : Object.keys(this.#values);
    const unused = given.filter((key) => !this.#places.has(key));
    if (unused.length > 0)
      throw refuseSql(`parameters: the statement does not use ${unused.map(describeKey).join(', ')}`, undefined, {
        field: 'parameters',
        expected: this.#places.size,
        actual: given.length,
      });
  }
}

function isList(value: ParameterInput | undefined): value is readonly ParameterScalar[] {
  return Array.isArray(value);
}

export function parameterType(value: ParameterScalar): string {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'bigint' : 'double';
  return 'string';
}
