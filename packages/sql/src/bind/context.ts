import type {
  Dialect,
  ParameterInput,
  ParameterKey,
  ParameterNode,
  ParameterScalar,
  PlanParameter,
} from '@hybridstore/contracts';
import { cast, type PlanSchemas } from '@hybridstore/plan';
import { assert } from '@hybridstore/runtime';
import type { PreparedText } from '../syntax/prepared-text.ts';
import { type Position, refuseSql } from '../syntax/refusal.ts';
import type { SelectList } from '../syntax/select-list.ts';
import { Fields, kindOf, positionOf, type SyntaxNode } from '../syntax/syntax-tree.ts';
import { BindWarnings } from './bind-warnings.ts';
import type { BoundQuery } from './bound-query.ts';
import type { FailedPlaces } from './failed-places.ts';
import { isMomentType, type RefuseText, readMomentText } from './moment-text.ts';
import {
  describeKey,
  isBoundText,
  type ParameterValues,
  parameterType,
  typeBeside,
  valueOfKey,
} from './parameter-values.ts';
import type { Scope } from './scope.ts';
import { bitsAsNumber, isDecimal, isFloating, isNumber, shown, type Typed, typed } from './types.ts';

export type SqlOptions = {
  readonly dialect: Dialect;
  /** Refuse what a dialect would convert or reject at run time: text beside numbers, numbers as conditions. */
  readonly isStrict: boolean;
  /** When present, only these functions (lower case, as written). */
  readonly supportedFunctions?: ReadonlySet<string> | undefined;
};

/**
 * What every step of binding shares: the statement, its dialect and schemas, names already given out, parameters bound.
 * `query` and `expression` are the two recursive steps, held here so that their files need not import each other.
 */
export class BindContext {
  readonly text: PreparedText;
  readonly options: SqlOptions;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterBinder;
  readonly warnings = new BindWarnings();
  /** Only where a failure is looked for. */
  readonly places: FailedPlaces | undefined;
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
    readonly places?: FailedPlaces | undefined;
    readonly query: BindContext['query'];
    readonly expression: BindContext['expression'];
  }) {
    this.text = parts.text;
    this.options = parts.options;
    this.schemas = parts.schemas;
    this.parameters = parts.parameters;
    this.#outermost = parts.outermost;
    this.places = parts.places;
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
    return isMomentType(type) ? read.map((value) => readMomentText(value, type, this.refuserOf(fields))) : read;
  }

  /** A bound text where a moment is expected. In MySQL one that is none has no value there, so its rows are not refused. */
  boundMoment(value: Typed): Typed {
    return this.dialect === 'mysql' ? value : this.parameters.read(value, 'timestamp');
  }

  refuserOf(fields: Fields): RefuseText {
    return (text, message, details) =>
      this.refuseAt(this.text.positionOfText(text) ?? this.position(fields.node), message, details);
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

/** Quotients meet other values in the digits that they are shown in. */
function meetInMysql(given: readonly Typed[]): readonly Typed[] {
  const values = given.map(shown);
  const hasNumber = values.some((value) => isNumber(value.type));
  const hasFraction = values.some((value) => isDecimal(value.type) || isFloating(value.type));
  if (!hasNumber) return values;
  return values.map((value) =>
    hasFraction && value.type === 'boolean' ? typed(cast(value.node, 'integer'), 'integer') : bitsAsNumber(value),
  );
}

/**
 * Parameters of the plan, with the caller's key of each. One value that is read as several types stands in several places:
 * `name = :x OR at = :x` compares a text and a time.
 */
export class ParameterBinder {
  readonly #values: ParameterValues;
  readonly #places = new Map<string, number>();
  readonly #used = new Set<string | number>();
  readonly list: PlanParameter[] = [];
  readonly keys: ParameterKey[] = [];

  constructor(values: ParameterValues) {
    this.#values = values;
  }

  /** A bound number has to be a count of rows. */
  count(node: ParameterNode): ParameterNode {
    return this.#readAs(node, 'ubigint');
  }

  /** A bound text is read as a value of this type here; every other value stays as it is. */
  read(value: Typed, type: string): Typed {
    if (value.node.kind !== 'parameter' || !isBoundText(value)) return value;
    return typed(this.#readAs(value.node, type), type);
  }

  /** A text takes the type of what it meets, like a text in the statement. */
  bind(key: string | number, position: Position | undefined): Typed {
    const value = this.#given(key, position);
    if (!isList(value)) return this.#use(key, value);
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
    return isList(values) ? values.map((value, item) => this.#use([key, item], value)) : undefined;
  }

  #given(key: string | number, position: Position | undefined): ParameterInput {
    const value = valueOfKey(this.#values, key);
    this.#used.add(key);
    if (value !== undefined) return value;
    throw refuseSql(`parameter ${describeKey(key)} has no value`, position, { parameter: key });
  }

  #use(key: ParameterKey, value: ParameterScalar): Typed {
    const type = parameterType(value);
    const seen = value === null ? 'null' : type === 'string' ? 'literal' : type;
    return typed(this.#place(key, type, value), seen);
  }

  #readAs({ index }: ParameterNode, type: string): ParameterNode {
    const [key, known] = [this.keys[index], this.list[index]];
    assert(key !== undefined && known, `parameter ${index + 1} was not bound`);
    return this.#place(key, type, known.value);
  }

  #place(key: ParameterKey, type: string, value: PlanParameter['value']): ParameterNode {
    const name = JSON.stringify([key, type]);
    const index = this.#places.get(name) ?? this.list.length;
    if (index === this.list.length) {
      this.#places.set(name, index);
      this.keys.push(key);
      this.list.push({ type, value });
    }
    return { kind: 'parameter', index };
  }

  /** Values that the statement does not use are a mistake of the caller. */
  requireAllUsed(): void {
    const given = Array.isArray(this.#values) ? this.#values.map((_, index) => index) : Object.keys(this.#values);
    const unused = given.filter((key) => !this.#used.has(key));
    if (unused.length > 0)
      throw refuseSql(`parameters: the statement does not use ${unused.map(describeKey).join(', ')}`, undefined, {
        field: 'parameters',
        expected: this.#used.size,
        actual: given.length,
      });
  }
}

function isList(value: ParameterInput | undefined): value is readonly ParameterScalar[] {
  return Array.isArray(value);
}
