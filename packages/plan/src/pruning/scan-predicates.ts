import type {
  JoinStep,
  LogicalPlan,
  PlanExpression,
  PlanParameter,
  PlanRelation,
  PruningPredicate,
  SelectBody,
} from '@hybridstore/contracts';
import type { PlanSchemas } from '../check-plan.ts';
import { conjuncts } from '../nodes.ts';
import { PlanTransformer } from '../plan-transformer.ts';
import { statisticValue } from './statistic-value.ts';

export type ScanPredicates = {
  readonly alias: string;
  readonly source: string;
  /** Every row of the scan that can matter to the result satisfies all of them. */
  readonly predicates: readonly PruningPredicate[];
};

const valuesMax = 1_000;
const predicatesMax = 256;

/**
 * What file statistics can be asked, by scan in the order of the plan's text. Read from WHERE, from ON of inner joins, and
 * from ON of outer joins for the side whose unmatched rows vanish. In WHERE above an outer join only predicates that
 * refuse null count, because a pruned row may come back as nulls.
 */
export function scanPredicates(plan: LogicalPlan, schemas: PlanSchemas): readonly ScanPredicates[] {
  const collector = new PredicateCollector(plan.parameters, schemas);
  collector.plan(plan);
  return collector.found;
}

class PredicateCollector extends PlanTransformer {
  readonly #parameters: readonly PlanParameter[];
  readonly #schemas: PlanSchemas;
  readonly #pending = new Map<string, PruningPredicate[]>();
  readonly found: ScanPredicates[] = [];

  constructor(parameters: readonly PlanParameter[], schemas: PlanSchemas) {
    super();
    this.#parameters = parameters;
    this.#schemas = schemas;
  }

  override select(select: SelectBody): SelectBody {
    if (select.from) {
      const nullable = nullExtended(select.from);
      this.#take(
        select.where,
        select.from,
        (predicate, alias) => predicate.operator !== 'is_null' || !nullable.has(alias),
      );
      this.#takeJoins(select.from);
    }
    return super.select(select);
  }

  override relation(relation: PlanRelation): PlanRelation {
    if (relation.kind === 'scan') {
      const predicates = (this.#pending.get(relation.alias) ?? []).slice(0, predicatesMax);
      this.found.push({ alias: relation.alias, source: relation.source, predicates });
    }
    return super.relation(relation);
  }

  #takeJoins(relation: PlanRelation): void {
    if (relation.kind !== 'join') return;
    this.#takeJoins(relation.first);
    const left = new Set(scanAliases(relation.first));
    for (const step of relation.steps) {
      this.#takeJoins(step.right);
      const right = new Set(scanAliases(step.right));
      const nullable = new Set([...nullExtended(relation.first), ...nullExtended(step.right)]);
      this.#take(step.on, relation, (predicate, alias) => {
        if (predicate.operator === 'is_null' && nullable.has(alias)) return false;
        return (left.has(alias) && filtersLeft(step)) || (right.has(alias) && filtersRight(step));
      });
      for (const alias of right) left.add(alias);
    }
  }

  #take(
    condition: PlanExpression | undefined,
    from: PlanRelation,
    accept: (predicate: PruningPredicate, alias: string) => boolean,
  ): void {
    const kept = new Set(asofAliases(from));
    const prunable = listScansOf(from).filter((scan) => !kept.has(scan.alias));
    const scans = new Map(prunable.map((scan) => [scan.alias, scan.source]));
    for (const conjunct of conjuncts(condition)) {
      for (const { alias, predicate } of this.#predicatesOf(conjunct, scans)) {
        if (!accept(predicate, alias)) continue;
        const pending = this.#pending.get(alias) ?? [];
        pending.push(predicate);
        this.#pending.set(alias, pending);
      }
    }
  }

  #predicatesOf(node: PlanExpression, scans: ReadonlyMap<string, string>): readonly Found[] {
    switch (node.kind) {
      case 'comparison':
        return this.#comparison(node, scans);
      case 'between':
        return node.negated
          ? []
          : [
              ...this.#predicate(node.value, 'gte', [node.low], scans),
              ...this.#predicate(node.value, 'lte', [node.high], scans),
            ];
      case 'in':
        return node.negated ? [] : this.#predicate(node.value, 'in', node.list, scans);
      case 'is_null':
        return this.#predicate(node.value, node.negated ? 'is_not_null' : 'is_null', [], scans);
      case 'like':
        return this.#prefix(node, scans);
      case 'logic':
        return node.operator === 'and'
          ? node.operands.flatMap((operand) => this.#predicatesOf(operand, scans))
          : this.#alternatives(node.operands, scans);
      default:
        return [];
    }
  }

  #comparison(node: Extract<PlanExpression, { kind: 'comparison' }>, scans: ReadonlyMap<string, string>) {
    const { operator, left, right } = node;
    if (operator === 'ne' || operator === 'is_distinct' || operator === 'is_not_distinct') return [];
    return left.kind === 'column'
      ? this.#predicate(left, operator, [right], scans)
      : this.#predicate(right, mirrored[operator], [left], scans);
  }

  #predicate(
    subject: PlanExpression,
    operator: PruningPredicate['operator'],
    operands: readonly PlanExpression[],
    scans: ReadonlyMap<string, string>,
  ): readonly Found[] {
    if (subject.kind !== 'column' || operands.length > valuesMax) return [];
    const source = scans.get(subject.relation);
    const type = this.#schemas.get(source ?? '')?.columns.find((known) => known.name === subject.name)?.type;
    if (type === undefined) return [];
    const values = operands.map((operand) => statisticValue(operand, type, this.#parameters));
    if (values.some((value) => value === undefined)) return [];
    const known = values.filter((value) => value !== undefined);
    return [{ alias: subject.relation, predicate: { column: subject.name, operator, values: known } }];
  }

  /** `a = 1 or a = 2 or a in (3, 4)` over one column is one list. */
  #alternatives(operands: readonly PlanExpression[], scans: ReadonlyMap<string, string>): readonly Found[] {
    const parts = operands.map((operand) => this.#predicatesOf(operand, scans));
    const [first] = parts[0] ?? [];
    if (!first) return [];
    const isOneColumn = parts.every(
      ([found, ...more]) =>
        found &&
        more.length === 0 &&
        found.alias === first.alias &&
        found.predicate.column === first.predicate.column &&
        (found.predicate.operator === 'eq' || found.predicate.operator === 'in'),
    );
    const values = parts.flatMap(([found]) => found?.predicate.values ?? []);
    if (!isOneColumn || values.length > valuesMax) return [];
    return [{ alias: first.alias, predicate: { column: first.predicate.column, operator: 'in', values } }];
  }

  #prefix(node: Extract<PlanExpression, { kind: 'like' }>, scans: ReadonlyMap<string, string>): readonly Found[] {
    if (node.negated || node.caseInsensitive || node.escape !== undefined) return [];
    const pattern = statisticValue(node.pattern, 'string', this.#parameters);
    const prefix = /^[^%_]+/.exec(pattern ?? '')?.[0];
    if (prefix === undefined) return [];
    const from = this.#predicate(node.value, 'gte', [{ kind: 'literal', type: 'string', value: prefix }], scans);
    const end = afterPrefix(prefix);
    if (end === undefined) return from;
    return [...from, ...this.#predicate(node.value, 'lt', [{ kind: 'literal', type: 'string', value: end }], scans)];
  }
}

type Found = { readonly alias: string; readonly predicate: PruningPredicate };
const mirrored = { eq: 'eq', lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' } as const;

/** The least text above all texts with the prefix: its last character one up. Undefined where that has no next one. */
function afterPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  const last = points.pop()?.codePointAt(0) ?? 0;
  const next = last === 0xd7ff ? 0xe000 : last + 1;
  return next > 0x10ffff ? undefined : points.join('') + String.fromCodePoint(next);
}

function filtersLeft(step: JoinStep): boolean {
  return step.type === 'inner' || step.type === 'right' || step.type === 'semi' || step.type === 'asof';
}

function filtersRight(step: JoinStep): boolean {
  return step.type !== 'right' && step.type !== 'full' && !isAsof(step);
}

/** ASOF takes the nearest row of its right side: with a file gone, a farther one would take the place of the nearest. */
function isAsof(step: JoinStep): boolean {
  return step.type === 'asof' || step.type === 'asof_left';
}

function asofAliases(relation: PlanRelation): readonly string[] {
  if (relation.kind !== 'join') return [];
  return [
    ...asofAliases(relation.first),
    ...relation.steps.flatMap((step) => (isAsof(step) ? scanAliases(step.right) : asofAliases(step.right))),
  ];
}

/** Aliases whose columns are null in some rows of the FROM although the row in the file is not. */
function nullExtended(relation: PlanRelation): ReadonlySet<string> {
  if (relation.kind !== 'join') return new Set();
  let nullable = new Set(nullExtended(relation.first));
  const seen = scanAliases(relation.first);
  for (const step of relation.steps) {
    const right = scanAliases(step.right);
    nullable = new Set([...nullable, ...nullExtended(step.right)]);
    if (step.type === 'left' || step.type === 'full' || step.type === 'asof_left')
      for (const alias of right) nullable.add(alias);
    if (step.type === 'right' || step.type === 'full') for (const alias of seen) nullable.add(alias);
    seen.push(...right);
  }
  return nullable;
}

function scanAliases(relation: PlanRelation): string[] {
  return listScansOf(relation).map((scan) => scan.alias);
}

function listScansOf(relation: PlanRelation): { readonly alias: string; readonly source: string }[] {
  if (relation.kind === 'scan') return [relation];
  if (relation.kind !== 'join') return [];
  return [...listScansOf(relation.first), ...relation.steps.flatMap((step) => listScansOf(step.right))];
}
