import {
  type CallNode,
  type GroupingElement,
  HybridStoreError,
  type InNode,
  type InQueryNode,
  type JoinStep,
  type LikeNode,
  type PlanExpression,
  type PlanParameter,
  type PlanQuery,
  type PlanRelation,
  type QuantifiedNode,
  type QueryBody,
  type RowNode,
  type SelectBody,
  type SetOperationBody,
  type SortKey,
  type WindowSpecification,
} from '@hybridstore/contracts';
import { firstNames, type PlanSchemas } from '../check-plan.ts';
import { call, choose, column, compare, nullLiteral, text } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { walkQuery } from '../walk-plan.ts';
import { type Collation, collationKey, markedCollation } from './collation.ts';
import { CollationScope, type Output } from './collation-scope.ts';
import { combine, type Derivation, decided } from './derivation.ts';
import { GroupedSpellings } from './grouped-spellings.ts';

export type CollationOptions = {
  readonly schemas: PlanSchemas;
  readonly parameters: readonly PlanParameter[];
  /** Whether regular expressions follow the collation of the text, as in MySQL; elsewhere they are read as they are written. */
  readonly doPatternsFollow: boolean;
};

/** `undeclared`: columns that declare no collation and whose texts the query compares. */
export type CollatedQuery = { readonly query: PlanQuery; readonly undeclared: readonly string[] };

/**
 * The collations of columns and of COLLATE written out: wherever texts are compared, grouped, counted once or sorted, keys
 * stand in their place, so that nothing that reads the plan later has to know of them.
 *
 *     name = 'ann'              lower(name) = lower('ann')                 name declares nocase
 *     ORDER BY name             ORDER BY lower(name)
 *     COUNT(DISTINCT name)      COUNT(DISTINCT lower(name))
 *     MIN(name)                 arg_min(name, ROW(lower(name), name))
 *     GROUP BY name             GROUP BY lower(name), and MIN(name) where the key is read
 *     SELECT DISTINCT name      SELECT DISTINCT ON (lower(name)) name, the least spelling of each
 *
 * COLLATE is stronger than a column that declares a collation, which is stronger than one that declares none. A key is no
 * column, so bounds of files are not asked about it. Trailing spaces count: no collation pads.
 *
 * What has no such form is refused by name: INTERSECT, EXCEPT and a recursive UNION of such texts, GREATEST, lists.
 */
export function applyCollations(query: PlanQuery, options: CollationOptions): CollatedQuery {
  const pass = new CollationPass(query, options);
  return { query: pass.query(query), undeclared: [...pass.undeclared] };
}

const searching = new Set(['strpos', 'contains', 'starts_with', 'ends_with']);
const listSearching = new Set(['list_contains', 'list_position']);
/** Aggregates and lists that compare the texts they get, and have no form for a collation. */
const unordered = new Set(
  'greatest least mode histogram quantile_disc approx_quantile median mad entropy list_sort list_reverse_sort list_distinct list_unique list_min list_max list_has_any list_has_all list_intersect'.split(
    ' ',
  ),
);
/** Aggregates to which DISTINCT makes no difference, or that choose. */
const indifferent = new Set(['min', 'max', 'arg_min', 'arg_max', 'any_value', 'first', 'last', 'bool_and', 'bool_or']);
/** Where the flags of a pattern stand. */
const patternFlags: Readonly<Record<string, number>> = {
  regexp_matches: 2,
  regexp_full_match: 2,
  regexp_replace: 3,
  regexp_extract: 3,
  regexp_extract_all: 3,
};

class CollationPass extends PlanTransformer {
  readonly undeclared = new Set<string>();
  readonly #scope: CollationScope;
  readonly #doPatternsFollow: boolean;
  readonly #aliases = new Set<string>();
  readonly #recursive = new Set<QueryBody>();

  constructor(query: PlanQuery, { schemas, parameters, doPatternsFollow }: CollationOptions) {
    super();
    this.#scope = new CollationScope(schemas, parameters);
    this.#doPatternsFollow = doPatternsFollow;
    walkQuery(query, {
      relation: (node) => void (node.kind !== 'join' && this.#aliases.add(node.alias.toLowerCase())),
    });
  }

  override query(query: PlanQuery): PlanQuery {
    for (const entry of query.with?.entries ?? []) {
      this.#scope.declare(entry);
      if (query.with?.recursive) this.#recursive.add(entry.query.body);
    }
    const { orderBy, ...rest } = query;
    const done = super.query(rest);
    return orderBy ? this.#ordered(query.body, done, orderBy) : done;
  }

  override body(body: QueryBody): QueryBody {
    if (body.kind === 'set_operation') return this.#setOperation(body);
    if (body.kind !== 'select' || body.distinct?.kind !== 'rows') return super.body(body);
    const { distinct, ...rest } = body;
    const done = this.select(rest);
    const outputs = this.#scope.outputs(body);
    return this.#areCollated(outputs) ? this.#distinctRows(done, outputs) : { ...done, distinct };
  }

  override select(select: SelectBody): SelectBody {
    const { from, distinct, ...rest } = select;
    const read = from ? { from: this.relation(from) } : {};
    const spellings = this.#spellingsOf(select);
    const spelled = {
      ...rest,
      projections: rest.projections.map(({ name, value }) => ({ name, value: spellings.expression(value) })),
      ...(rest.having ? { having: spellings.expression(rest.having) } : {}),
      ...(rest.qualify ? { qualify: spellings.expression(rest.qualify) } : {}),
    };
    const keys =
      distinct?.kind === 'on' ? distinct.keys.map((key) => this.#keyOf(spellings.expression(key), key)) : undefined;
    return {
      ...super.select(spelled),
      ...read,
      ...(distinct ? { distinct: keys ? { kind: 'on', keys } : distinct } : {}),
    };
  }

  /** What stands for keys of groups, of which a collation makes one of several spellings. */
  #spellingsOf({ groupBy = [] }: SelectBody): GroupedSpellings {
    const keys = groupBy.flatMap((element) => (element.kind === 'key' ? [element.value] : element.sets.flat()));
    const collated = keys.filter((key) => decided(this.#scope.of(key)) !== 'binary');
    return new GroupedSpellings(
      collated,
      groupBy.some(({ kind }) => kind !== 'key'),
    );
  }

  override grouping(element: GroupingElement): GroupingElement {
    return element.kind === 'key'
      ? { kind: 'key', value: this.#keyOf(element.value) }
      : { ...element, sets: element.sets.map((set) => set.map((value) => this.#keyOf(value))) };
  }

  override relation(relation: PlanRelation): PlanRelation {
    const done = super.relation(relation);
    this.#scope.enter(relation);
    return done;
  }

  override joinStep(step: JoinStep): JoinStep {
    const done = super.joinStep(step);
    if (step.using) throw new HybridStoreError('invalid_request', 'plan: a join names its columns in ON, not in USING');
    return done;
  }

  override window(window: WindowSpecification): WindowSpecification {
    return { ...super.window(window), partitionBy: window.partitionBy.map((value) => this.#keyOf(value)) };
  }

  override sortKeys(keys: readonly SortKey[]): readonly SortKey[] {
    return keys.map((key) => ({ ...key, value: this.#keyOf(key.value) }));
  }

  override expression(node: PlanExpression): PlanExpression {
    switch (node.kind) {
      case 'comparison': {
        const key = this.#keysFor([node.left, node.right]);
        return { ...node, left: key(node.left), right: key(node.right) };
      }
      case 'between': {
        const key = this.#keysFor([node.value, node.low, node.high]);
        return { ...node, value: key(node.value), low: key(node.low), high: key(node.high) };
      }
      case 'in':
        return this.#in(node);
      case 'in_query':
        return this.#inQuery(node);
      case 'quantified':
        return this.#quantified(node);
      case 'like':
        return this.#like(node);
      case 'case': {
        const { operand } = node;
        if (!operand) return super.expression(node);
        const key = this.#keysFor([operand, ...node.branches.map(({ when }) => when)]);
        const branches = node.branches.map(({ when, result }) => ({
          when: key(when),
          result: this.expression(result),
        }));
        const otherwise = node.otherwise ? { otherwise: this.expression(node.otherwise) } : {};
        return { kind: 'case', operand: key(operand), branches, ...otherwise };
      }
      case 'call':
        return this.#call(node);
      default:
        return super.expression(node);
    }
  }

  /** How each of the values that are compared is written; rows value by value. */
  #keysFor(values: readonly PlanExpression[]): (value: PlanExpression) => PlanExpression {
    const rows = values.filter((value) => value.kind === 'row');
    if (rows.length > 0) return this.#rowKeysFor(rows);
    // Relations of subqueries among them are entered by this.
    const done = new Map(values.map((value) => [value, this.expression(value)]));
    for (const value of values) this.#refuseParts(value);
    const collation = this.#compared(values.map((value) => this.#scope.of(value)));
    return (value) => collationKey(done.get(value) ?? value, collation);
  }

  #rowKeysFor(rows: readonly RowNode[]): (value: PlanExpression) => PlanExpression {
    const width = Math.max(...rows.map(({ items }) => items.length));
    const keys = Array.from({ length: width }, (_, index) =>
      this.#keysFor(rows.map(({ items }) => items[index]).filter((item) => item !== undefined)),
    );
    return (value) =>
      value.kind === 'row'
        ? { ...value, items: value.items.map((item, index) => keys[index]?.(item) ?? item) }
        : this.expression(value);
  }

  /** A list or a struct is compared as one value, by the bytes of the texts in it. */
  #refuseParts(value: PlanExpression): void {
    const parts =
      value.kind === 'struct'
        ? value.fields.map((field) => this.#scope.of(field.value))
        : [this.#scope.ofElements(value)];
    const collation = parts.map(decided).find((one) => one !== 'binary');
    if (collation) throw unsupported('a comparison of lists or structs', collation);
  }

  /** By what texts of these are compared, if they are. */
  #compared(derivations: readonly Derivation[]): Collation {
    if (derivations.some(({ kind }) => kind === 'other')) return 'binary';
    const combined = combine(derivations);
    if (combined.kind === 'undeclared') for (const name of combined.columns) this.undeclared.add(name);
    return decided(combined);
  }

  #keyOf(value: PlanExpression, original: PlanExpression = value): PlanExpression {
    if (value.kind === 'row') return { ...value, items: value.items.map((item) => this.#keyOf(item)) };
    const done = this.expression(value);
    this.#refuseParts(original);
    return collationKey(done, this.#compared([this.#scope.of(original)]));
  }

  #areCollated(outputs: readonly Output[]): boolean {
    return outputs.filter(({ derivation }) => this.#compared([derivation]) !== 'binary').length > 0;
  }

  #in(node: InNode): PlanExpression {
    const key = this.#keysFor([node.value, ...node.list]);
    return { ...node, value: key(node.value), list: node.list.map(key) };
  }

  #inQuery(node: InQueryNode): PlanExpression {
    const values = node.values.map((value) => this.expression(value));
    const query = this.query(node.query);
    const outputs = this.#scope.outputs(node.query.body);
    const collations = node.values.map((value, index) =>
      this.#compared([this.#scope.of(value), outputs[index]?.derivation ?? { kind: 'none' }]),
    );
    if (collations.every((collation) => collation === 'binary')) return { ...node, values, query };
    const keys = values.map((value, index) => collationKey(value, collations[index] ?? 'binary'));
    return { ...node, values: keys, query: this.#keyedRows(query, collations) };
  }

  #quantified(node: QuantifiedNode): PlanExpression {
    const value = this.expression(node.value);
    const query = this.query(node.query);
    const [output] = this.#scope.outputs(node.query.body);
    const collation = this.#compared([this.#scope.of(node.value), output?.derivation ?? { kind: 'none' }]);
    return collation === 'binary'
      ? { ...node, value, query }
      : { ...node, value: collationKey(value, collation), query: this.#keyedRows(query, [collation]) };
  }

  #keyedRows(query: PlanQuery, collations: readonly Collation[]): PlanQuery {
    const { rows, from } = this.#derived(query, collations.length);
    const projections = rows.map((row, index) => ({
      name: row.name,
      value: collationKey(row, collations[index] ?? 'binary'),
    }));
    return { kind: 'query', body: { kind: 'select', projections, from } };
  }

  #derived(query: PlanQuery, width: number) {
    const alias = this.#uniqueAlias();
    const columns = Array.from({ length: width }, (_, index) => `value_${index}`);
    const from: PlanRelation = { kind: 'derived', query, alias, columns };
    return { from, rows: columns.map((name) => column(alias, name)) };
  }

  #uniqueAlias(): string {
    let alias = 'collated';
    for (let suffix = 2; this.#aliases.has(alias); suffix += 1) alias = `collated_${suffix}`;
    this.#aliases.add(alias);
    return alias;
  }

  #like(node: LikeNode): PlanExpression {
    const [value, pattern] = [this.expression(node.value), this.expression(node.pattern)];
    const collation = this.#compared([this.#scope.of(node.value), this.#scope.of(node.pattern)]);
    if (collation === 'binary') return { ...node, value, pattern };
    const character = node.escape;
    if (character !== undefined && !/^[\x20-\x7e]$/.test(character))
      throw new HybridStoreError(
        'invalid_request',
        `ESCAPE '${character}': expected an ASCII character beside a collation`,
        {
          expected: 'an ASCII character',
          actual: character,
        },
      );
    // Letters of the pattern are in the case of the key, and so is the one that escapes.
    const escaped = character === undefined || collation === 'noaccent' ? {} : { escape: character.toLowerCase() };
    return { ...node, value: collationKey(value, collation), pattern: collationKey(pattern, collation), ...escaped };
  }

  #call(node: CallNode): PlanExpression {
    const [first, second] = node.arguments;
    if (first && markedCollation(node) !== undefined) return this.#withoutMarker(first);
    if (!first) return super.expression(node);
    if (this.#doPatternsFollow && patternFlags[node.function] !== undefined) return this.#pattern(node, first);
    if (searching.has(node.function)) return this.#keyedCall(node, node.arguments);
    if (listSearching.has(node.function) && second) return this.#listSearch(node, first, second);
    if (node.function === 'nullif' && second) return this.#nullIf(first, second);
    if (node.function === 'grouping') return { ...node, arguments: node.arguments.map((value) => this.#keyOf(value)) };
    if (node.function === 'min' || node.function === 'max') return this.#extreme(node, first);
    if ((node.function === 'arg_min' || node.function === 'arg_max') && second)
      return { ...this.#plain(node), arguments: [this.expression(first), this.#keyOf(second)] };
    if (node.function === 'approx_count_distinct') return this.#keyedCall(node, [first]);
    if (node.distinct && !indifferent.has(node.function)) return this.#distinctCall(node, first);
    if (unordered.has(node.function)) this.#refuseCollated(node);
    return super.expression(node);
  }

  #withoutMarker(value: PlanExpression): PlanExpression {
    const done = this.expression(value);
    if (this.#scope.of(value).kind !== 'other') return done;
    throw new HybridStoreError('invalid_request', 'COLLATE takes a text', { expected: 'a text' });
  }

  #plain(node: CallNode): CallNode {
    return super.expression(node) as CallNode; // a call stays one
  }

  #keyedCall(node: CallNode, compared: readonly PlanExpression[]): PlanExpression {
    const key = this.#keysFor(compared);
    return { ...this.#plain(node), arguments: node.arguments.map(key) };
  }

  /** The spelling whose key is the least, of these the one whose bytes are. */
  #extreme(node: CallNode, value: PlanExpression): PlanExpression {
    const plain = this.#plain(node);
    const collation = this.#compared([this.#scope.of(value)]);
    const [done = value, count] = plain.arguments;
    if (collation === 'binary') return plain;
    if (count) throw unsupported(node.function, collation);
    const order: PlanExpression = { kind: 'row', items: [collationKey(done, collation), done] };
    return { ...plain, function: `arg_${node.function}`, arguments: [done, order] };
  }

  #distinctCall(node: CallNode, counted: PlanExpression): PlanExpression {
    if (node.function === 'count') return { ...this.#plain(node), arguments: [this.#countedKey(counted)] };
    this.#refuseCollated(node);
    return this.#plain(node);
  }

  /** Of the values of a row, which COUNT(DISTINCT a, b) counts, each by its own collation. */
  #countedKey(value: PlanExpression): PlanExpression {
    if (value.kind !== 'case' || value.operand) return this.#keyOf(value);
    const branches = value.branches.map(({ when, result }) => ({
      when: this.expression(when),
      result: this.#countedKey(result),
    }));
    return { ...value, branches, ...(value.otherwise ? { otherwise: this.#countedKey(value.otherwise) } : {}) };
  }

  #nullIf(value: PlanExpression, unwanted: PlanExpression): PlanExpression {
    const key = this.#keysFor([value, unwanted]);
    const [left, right] = [key(value), key(unwanted)];
    const done = this.expression(value);
    if (left.kind === done.kind && JSON.stringify(left) === JSON.stringify(done)) return call('nullif', left, right);
    return choose(compare('eq', left, right), nullLiteral, done);
  }

  #listSearch(node: CallNode, list: PlanExpression, item: PlanExpression): PlanExpression {
    const plain = this.#plain(node);
    const [doneList = list, doneItem = item] = plain.arguments;
    const collation = this.#compared([this.#scope.ofElements(list), this.#scope.of(item)]);
    if (collation === 'binary') return plain;
    return { ...plain, arguments: [keyedList(doneList, collation, node.function), collationKey(doneItem, collation)] };
  }

  #pattern(node: CallNode, subject: PlanExpression): PlanExpression {
    const plain = this.#plain(node);
    const place = patternFlags[node.function] ?? 2;
    const collation = decided(combine(node.arguments.slice(0, 2).map((argument) => this.#scope.of(argument))));
    const isFolded = collation === 'nocase' || collation === 'nocase_noaccent';
    if (!isFolded || this.#scope.of(subject).kind === 'other') return plain;
    const given = plain.arguments[place];
    const flags = given?.kind === 'literal' ? String(given.value) : '';
    if (/[ci]/.test(flags)) return plain;
    const before = plain.arguments.slice(0, place);
    // The group of a match stands before the flags, and may be left out.
    const group = before.length < place ? [{ kind: 'literal', type: 'bigint', value: 0 } as const] : [];
    return { ...plain, arguments: [...before, ...group, text(`${flags}i`)] };
  }

  #refuseCollated(node: CallNode): void {
    for (const argument of node.arguments) {
      const collations = [this.#scope.of(argument), this.#scope.ofElements(argument)].map(decided);
      const collation = collations.find((one) => one !== 'binary');
      if (collation) throw unsupported(`${node.function}${node.distinct ? '(DISTINCT …)' : ''}`, collation);
    }
  }

  #setOperation(body: SetOperationBody): QueryBody {
    const inputs = body.inputs.map((input) => this.body(input));
    const done: SetOperationBody = { ...body, inputs };
    if (body.operator === 'union' && body.all) return done;
    const outputs = this.#scope.outputs(body);
    if (!this.#areCollated(outputs)) return done;
    if (body.operator !== 'union') throw unsupported(body.operator.toUpperCase(), this.#collationOf(outputs));
    if (this.#recursive.has(body)) throw unsupported('UNION of WITH RECURSIVE', this.#collationOf(outputs));
    return this.#distinctRows({ ...done, all: true }, outputs);
  }

  #collationOf(outputs: readonly Output[]): Collation {
    return outputs.map(({ derivation }) => decided(derivation)).find((collation) => collation !== 'binary') ?? 'binary';
  }

  /** One row of each key, the one whose spellings are the least. */
  #distinctRows(body: QueryBody, outputs: readonly Output[]): PlanQuery {
    const { from, rows } = this.#derived({ kind: 'query', body }, outputs.length);
    const collations = outputs.map(({ derivation }) => decided(derivation));
    const keys = rows.map((row, index) => collationKey(row, collations[index] ?? 'binary'));
    const spellings = rows.filter((_, index) => collations[index] !== 'binary');
    const order = [...keys.filter((_, index) => collations[index] !== 'binary'), ...spellings];
    const projections = rows.map((value, index) => ({ name: outputs[index]?.name ?? value.name, value }));
    return {
      kind: 'query',
      body: { kind: 'select', distinct: { kind: 'on', keys }, projections, from },
      orderBy: order.map((value) => ({ value, direction: 'asc', nulls: 'last' })),
    };
  }

  /** ORDER BY of a query whose body is done. */
  #ordered(body: QueryBody, done: PlanQuery, orderBy: readonly SortKey[]): PlanQuery {
    const outputs = this.#scope.outputs(body);
    const collationOf = ({ value }: SortKey): Collation =>
      this.#compared([
        value.kind === 'output' ? (outputs[value.index]?.derivation ?? { kind: 'other' }) : this.#scope.of(value),
      ]);
    if (body.kind === 'select' && done.body.kind === 'select')
      return this.#orderedSelect(body, { ...done, body: done.body }, orderBy, collationOf);
    const isPlain = orderBy.every((key) => key.value.kind === 'output' && collationOf(key) === 'binary');
    if (isPlain) return { ...done, orderBy };
    const { with: clause, body: inner, limit, offset } = done;
    const { from, rows } = this.#derived({ kind: 'query', body: inner }, outputs.length);
    const names = firstNames(body);
    const selected = body.kind === 'select' ? body.projections.map(({ value }) => JSON.stringify(value)) : [];
    const keys = orderBy.map((key) => ({
      ...key,
      value: collationKey(this.#overRows(key.value, rows, selected), collationOf(key)),
    }));
    return {
      kind: 'query',
      ...(clause ? { with: clause } : {}),
      body: {
        kind: 'select',
        projections: rows.map((value, index) => ({ name: names[index] ?? value.name, value })),
        from,
      },
      orderBy: keys,
      ...(limit ? { limit } : {}),
      ...(offset ? { offset } : {}),
    };
  }

  #orderedSelect(
    body: SelectBody,
    done: PlanQuery & { readonly body: SelectBody },
    orderBy: readonly SortKey[],
    collationOf: (key: SortKey) => Collation,
  ): PlanQuery {
    const spellings = this.#spellingsOf(body);
    const keys = orderBy.map((key) => {
      const { value } = key;
      if (value.kind !== 'output') {
        const written = this.expression(spellings.expression(value));
        return { ...key, value: collationKey(written, collationOf(key)) };
      }
      const collation = collationOf(key);
      const output = done.body.projections[value.index]?.value ?? value;
      return collation === 'binary' ? key : { ...key, value: collationKey(output, collation) };
    });
    return { ...done, orderBy: keys };
  }

  /** A sort key over outputs that were made one relation. */
  #overRows(value: PlanExpression, rows: readonly PlanExpression[], selected: readonly string[]): PlanExpression {
    if (value.kind === 'output') return rows[value.index] ?? value;
    const found = rows[selected.indexOf(JSON.stringify(value))];
    if (found) return found;
    if (value.kind === 'column')
      throw new HybridStoreError('invalid_request', `ORDER BY ${value.name}: expected an output of SELECT DISTINCT`, {
        name: value.name,
        expected: 'an output',
      });
    const over = (inner: PlanExpression) => this.#overRows(inner, rows, selected);
    const walker = new (class extends PlanTransformer {
      override expression(node: PlanExpression): PlanExpression {
        return node === value ? super.expression(node) : over(node);
      }
    })();
    return walker.expression(value);
  }
}

function keyedList(list: PlanExpression, collation: Collation, name: string): PlanExpression {
  if (list.kind === 'array') return { ...list, items: list.items.map((item) => collationKey(item, collation)) };
  if (list.kind === 'call' && list.function === 'string_split')
    return { ...list, arguments: list.arguments.map((argument) => collationKey(argument, collation)) };
  throw unsupported(name, collation);
}

function unsupported(what: string, collation: Collation): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    `${what} of texts that are compared by ${collation} is not supported; compare their bytes by a binary COLLATE, or their lower()`,
    { name: what, expected: 'texts compared by their bytes', actual: collation },
  );
}
