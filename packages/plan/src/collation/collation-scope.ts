import type {
  CallNode,
  CommonTable,
  PlanExpression,
  PlanParameter,
  PlanQuery,
  PlanRelation,
  QueryBody,
} from '@hybridstore/contracts';
import type { PlanSchemas } from '../check-plan.ts';
import { functionNamed } from '../functions.ts';
import { markedCollation } from './collation.ts';
import { combine, type Derivation, none, other } from './derivation.ts';

/** Functions whose result is made of one text, the first argument, and compared as it is. */
const keepingFirst = new Set(
  'trim ltrim rtrim substring left right repeat replace reverse lpad rpad split_part regexp_replace regexp_extract translate upper lower strip_accents nullif min max any_value first last arg_min arg_max mode string_agg lag lead first_value last_value nth_value list_extract list_min list_max'.split(
    ' ',
  ),
);
/** Functions whose result is made of all their texts. */
const keepingAll = new Set(['concat', 'concat_ws', 'coalesce', 'greatest', 'least', 'array_to_string']);
/** Lists of texts, by the argument whose texts they hold. */
const listing = new Set(
  'string_split regexp_extract_all array_agg list_sort list_reverse_sort list_distinct list_reverse list_slice list_append list_concat'.split(
    ' ',
  ),
);
/** What is written in one case compares as it is, so that nothing is left to warn of. */
const folding = new Set(['upper', 'lower']);
const otherReturns = new Set(['boolean', 'bigint', 'double', 'date', 'timestamp', 'interval', 'json']);

/**
 * From where the collations of a query's expressions come. Relations are entered as the query is walked; their aliases, and
 * the names of WITH, are unique in a plan.
 */
export class CollationScope {
  readonly #schemas: PlanSchemas;
  readonly #parameters: readonly PlanParameter[];
  readonly #relations = new Map<string, ReadonlyMap<string, Derivation>>();
  readonly #entries = new Map<string, PlanQuery>();
  readonly #reading = new Set<string>();

  constructor(schemas: PlanSchemas, parameters: readonly PlanParameter[]) {
    this.#schemas = schemas;
    this.#parameters = parameters;
  }

  declare({ name, query }: CommonTable): void {
    this.#entries.set(name, query);
  }

  /** What stands in this relation has been entered before. */
  enter(relation: PlanRelation): void {
    if (relation.kind === 'join') return;
    const outputs = this.#outputsOf(relation);
    this.#relations.set(relation.alias, new Map(outputs.map(({ name, derivation }) => [name, derivation])));
  }

  #outputsOf(relation: Exclude<PlanRelation, { kind: 'join' }>): readonly Output[] {
    switch (relation.kind) {
      case 'scan':
        return this.#columnsOf(relation.source);
      case 'derived':
        return renamed(this.outputs(relation.query.body), relation.columns);
      case 'cte':
        return renamed(this.#entry(relation.name), relation.columns);
      case 'unnest':
        return [{ name: relation.column, derivation: this.ofElements(relation.value) }];
      case 'series':
        return [{ name: relation.column, derivation: other }];
    }
  }

  #columnsOf(source: string): readonly Output[] {
    return (this.#schemas.get(source)?.columns ?? []).map(({ name, type, collation }) => {
      if (type !== 'string') return { name, derivation: type === 'json' ? none : other };
      return collation === undefined
        ? { name, derivation: { kind: 'undeclared', columns: [name] } }
        : { name, derivation: { kind: 'declared', collation, column: name } };
    });
  }

  /** An entry that reads itself is what its first input is. */
  #entry(name: string): readonly Output[] {
    const query = this.#entries.get(name);
    if (!query || this.#reading.has(name)) return [];
    this.#reading.add(name);
    const outputs = this.outputs(query.body);
    this.#reading.delete(name);
    return outputs;
  }

  outputs(body: QueryBody): readonly Output[] {
    switch (body.kind) {
      case 'query':
        return this.outputs(body.body);
      case 'select':
        return body.projections.map(({ name, value }) => ({ name, derivation: this.of(value) }));
      case 'values':
        return body.names.map((name, index) => ({
          name,
          derivation: combine(body.rows.map((row) => this.#ofItem(row[index]))),
        }));
      case 'set_operation': {
        const [first = [], ...others] = body.inputs.map((input) => this.outputs(input));
        return first.map(({ name, derivation }, index) => ({
          name,
          derivation: combine([derivation, ...others.map((outputs) => outputs[index]?.derivation ?? none)]),
        }));
      }
    }
  }

  #ofItem(item: PlanExpression | undefined): Derivation {
    return item ? this.of(item) : none;
  }

  of(node: PlanExpression): Derivation {
    switch (node.kind) {
      case 'column':
        return this.#relations.get(node.relation)?.get(node.name) ?? none;
      case 'literal':
        return node.type === 'string' ? none : other;
      case 'parameter':
        return this.#parameters[node.index]?.type === 'string' ? none : other;
      case 'cast':
        return node.type === 'string' ? asText(this.of(node.value)) : other;
      case 'concat':
        return combine(node.operands.map((operand) => asText(this.of(operand))));
      case 'case':
        return combine(
          [...node.branches.map(({ result }) => result), ...(node.otherwise ? [node.otherwise] : [])].map((result) =>
            this.of(result),
          ),
        );
      case 'subquery':
        return this.outputs(node.query.body)[0]?.derivation ?? none;
      case 'element':
        return this.ofElements(node.value);
      case 'call':
        return this.#ofCall(node);
      case 'json_path':
      case 'field':
      case 'output':
        return none;
      default:
        return other;
    }
  }

  /** Of the texts in a list. */
  ofElements(node: PlanExpression): Derivation {
    if (node.kind === 'array') return combine(node.items.map((item) => this.of(item)));
    if (node.kind !== 'call' || !listing.has(node.function)) return none;
    const [first] = node.arguments;
    if (!first) return none;
    return node.function.startsWith('list_') ? this.ofElements(first) : this.of(first);
  }

  #ofCall(node: CallNode): Derivation {
    const marked = markedCollation(node);
    if (marked !== undefined) return { kind: 'explicit', collation: marked };
    const [first] = node.arguments;
    if (keepingAll.has(node.function)) return combine(node.arguments.map((argument) => this.of(argument)));
    if (first && keepingFirst.has(node.function)) {
      const derivation = node.function.startsWith('list_') ? this.ofElements(first) : this.of(first);
      return folding.has(node.function) && derivation.kind === 'undeclared' ? none : derivation;
    }
    return otherReturns.has(functionNamed(node.function)?.returns ?? '') ? other : none;
  }
}

export type Output = { readonly name: string; readonly derivation: Derivation };

/** A number that is written out is a text of no column. */
function asText(derivation: Derivation): Derivation {
  return derivation.kind === 'other' ? none : derivation;
}

function renamed(outputs: readonly Output[], columns: readonly string[] | undefined): readonly Output[] {
  return outputs.map((output, index) => ({ ...output, name: columns?.[index] ?? output.name }));
}
