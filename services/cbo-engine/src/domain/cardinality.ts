import type {
  JoinStep,
  LogicalPlan,
  PlanExpression,
  PlanParameter,
  PlanQuery,
  PlanRelation,
  QueryBody,
  SelectBody,
} from '@hybridstore/contracts';
import { conjuncts, isAggregateFunction, walkExpression } from '@hybridstore/plan';
import { assertNever } from '@hybridstore/runtime';
import type { ColumnStatistics, TableStatistics } from './column-statistics.ts';
import { type ConditionContext, estimateSelectivity } from './selectivity.ts';
import { hold, noWork, type Work } from './work.ts';

/** How many rows come out of a plan, how many out of each scan, and the work of its operators. */
export type Cardinalities = {
  readonly rowsOut: number;
  readonly rowsByAlias: ReadonlyMap<string, number>;
  readonly work: Work;
};

/** Rows that flow between two operators, and the statistics of their columns by `alias.name`. */
type Estimate = { readonly rows: number; readonly columns: ReadonlyMap<string, ColumnStatistics> };

/** As DuckDB's vectors hold a text; a number takes half. What joins, groups and sorts hold of them for each row is a guess. */
const bytesPerValue = 16;
const valuesPerJoinEntry = 4;
const valuesPerGroup = 6;
const valuesPerSortedRow = 4;
// What no statistics describe is guessed, larger than a lookup and smaller than a table of facts.
const unknownRows = 1_000;
const seriesRows = 1_000;
const elementsPerList = 10;
/** A recursive query is taken to go round this often. */
const recursionRounds = 10;

/**
 * Rows of a plan, bottom-up: each operator's rows follow from its inputs' rows and the statistics of their columns. Pure.
 *
 * ```text
 * SELECT o.day, count(*) FROM orders o JOIN customers c ON o.customer = c.id WHERE c.country = 'DE' GROUP BY o.day
 *
 *   group by day      min(20,000, 365 days)                      =       365
 *     join            1,000,000 x 200 / max(10,000, 10,000)      =    20,000
 *       orders        1,000,000 rows, customer 10,000 distinct   = 1,000,000
 *       customers     10,000 rows, country 50 distinct: 1 / 50   =       200
 * ```
 *
 * The formulas are those of System R (Selinger et al., SIGMOD 1979) unless a comment says otherwise:
 * - a scan keeps `rows x selectivity` (`selectivity.ts`); conditions of one scan only are applied by the scan;
 * - an equality of two columns keeps `1 / max(distinct left, distinct right)` of the cross product, which takes the keys of
 *   the smaller side as contained in those of the larger;
 * - groups are the product of the distinct values of the keys, which takes the keys as independent, and never more than rows.
 *
 * Left out on purpose: histograms and correlations of columns (the catalog keeps neither); values that a condition takes
 * away from the distinct ones (customers above keeps 10,000 ids although 200 rows are left, which cancels out along a
 * key); statistics of what a derived table or a common table puts out (its rows count, its columns are unknown). The
 * learned factor of a shape corrects what that does to the time (`execution-history.ts`).
 */
export function estimateCardinalities(plan: LogicalPlan, scans: ReadonlyMap<string, TableStatistics>): Cardinalities {
  const estimator = new Estimator(plan.parameters, scans);
  const { rows } = estimator.query(plan.query);
  estimator.work.produced = rows;
  return { rowsOut: rows, rowsByAlias: estimator.rowsByAlias, work: estimator.work };
}

class Estimator {
  readonly work = noWork();
  readonly rowsByAlias = new Map<string, number>();
  readonly #parameters: readonly PlanParameter[];
  readonly #scans: ReadonlyMap<string, TableStatistics>;
  readonly #commonTables = new Map<string, number>();

  constructor(parameters: readonly PlanParameter[], scans: ReadonlyMap<string, TableStatistics>) {
    this.#parameters = parameters;
    this.#scans = scans;
  }

  query(query: PlanQuery): Estimate {
    for (const entry of query.with?.entries ?? []) {
      const { rows } = this.query(entry.query);
      this.#commonTables.set(entry.name, query.with?.recursive ? rows * recursionRounds : rows);
    }
    const estimate = this.#body(query.body);
    const limit = readCount(query.limit, this.#parameters);
    if (query.orderBy?.length) {
      this.work.sorted += estimate.rows;
      hold(this.work, Math.min(estimate.rows, limit ?? Number.POSITIVE_INFINITY) * bytesPerValue * valuesPerSortedRow);
    }
    return limit === undefined ? estimate : { ...estimate, rows: Math.min(estimate.rows, limit) };
  }

  #body(body: QueryBody): Estimate {
    switch (body.kind) {
      case 'query':
        return this.query(body);
      case 'select':
        return this.#select(body);
      case 'values':
        return { rows: body.rows.length, columns: new Map() };
      case 'set_operation': {
        const rows = body.inputs.map((input) => this.#body(input).rows);
        const all = rows.reduce((sum, one) => sum + one, 0);
        if (!body.all || body.operator !== 'union') this.#group(all, all);
        return { rows: body.operator === 'union' ? all : Math.min(...rows), columns: new Map() };
      }
      default:
        return assertNever(body);
    }
  }

  #select(select: SelectBody): Estimate {
    const from = select.from
      ? this.#relation(select.from, conjuncts(select.where))
      : { rows: 1, columns: new Map<string, ColumnStatistics>() };
    for (const condition of [
      select.where,
      select.having,
      select.qualify,
      ...select.projections.map((projection) => projection.value),
    ])
      this.#subqueries(condition);
    const filtered = from.rows * this.#share(unpushed(select), from);
    this.work.filtered += select.where ? from.rows : 0;
    const grouped = this.#grouping(select, { ...from, rows: filtered });
    const having = grouped * this.#share(select.having, from);
    this.#windows(select, having);
    const rows = having * this.#share(select.qualify, from);
    if (select.distinct) this.#group(rows, rows);
    return { rows, columns: from.columns };
  }

  #grouping(select: SelectBody, input: Estimate): number {
    const hasAggregate = select.projections.some((projection) => callsAggregate(projection.value));
    if (!select.groupBy && !hasAggregate) return input.rows;
    const keys = (select.groupBy ?? []).flatMap((element) =>
      element.kind === 'key' ? [element.value] : element.sets.flat(),
    );
    const groups =
      keys.length === 0
        ? 1
        : Math.min(
            input.rows,
            keys.map((key) => this.#distinct(key, input)).reduce((product, distinct) => product * distinct, 1),
          );
    this.#group(input.rows, groups);
    return Math.max(keys.length === 0 ? 1 : 0, groups);
  }

  #group(rows: number, groups: number): void {
    this.work.grouped += rows;
    hold(this.work, groups * bytesPerValue * valuesPerGroup);
  }

  #windows(select: SelectBody, rows: number): void {
    let calls = 0;
    for (const { value } of select.projections)
      walkExpression(value, {
        expression: (node) => {
          if (node.kind === 'call' && node.over) calls += 1;
        },
      });
    if (calls === 0) return;
    this.work.windowed += rows * calls;
    hold(this.work, rows * bytesPerValue * valuesPerSortedRow);
  }

  /** `pushed` are conditions above: those that speak of one scan only are applied by it. */
  #relation(relation: PlanRelation, pushed: readonly PlanExpression[]): Estimate {
    switch (relation.kind) {
      case 'scan':
        return this.#scan(relation, pushed);
      case 'derived': {
        const { rows } = this.query(relation.query);
        return { rows, columns: new Map() };
      }
      case 'cte':
        return { rows: this.#commonTables.get(relation.name) ?? unknownRows, columns: new Map() };
      case 'unnest':
        return { rows: elementsPerList, columns: new Map() };
      case 'series':
        return { rows: seriesRows, columns: new Map() };
      case 'join':
        return relation.steps.reduce(
          (left, step) => this.#join(left, step, pushed),
          this.#relation(relation.first, pushed),
        );
      default:
        return assertNever(relation);
    }
  }

  #scan(scan: Extract<PlanRelation, { kind: 'scan' }>, pushed: readonly PlanExpression[]): Estimate {
    const statistics = this.#scans.get(scan.alias);
    const columns = new Map(
      [...(statistics?.columns ?? [])].map(([name, column]) => [`${scan.alias}.${name}`, column]),
    );
    const matched = statistics?.rows ?? unknownRows;
    const total = statistics?.rowsTotal ?? unknownRows;
    const own = pushed.filter((condition) => speaksOnlyOf(condition, scan.alias));
    const share =
      own.length === 0 ? 1 : this.#share({ kind: 'logic', operator: 'and', operands: own }, { rows: total, columns });
    // The files that were left out held rows that do not match, so the share counts for the table, not for what is read.
    const rows = Math.min(matched, total * share);
    this.work.scanned += matched * Math.max(1, scan.columns.length);
    this.rowsByAlias.set(scan.alias, rows);
    return { rows, columns };
  }

  #join(left: Estimate, step: JoinStep, pushed: readonly PlanExpression[]): Estimate {
    const right = this.#relation(step.right, pushed);
    const both: Estimate = { rows: left.rows * right.rows, columns: new Map([...left.columns, ...right.columns]) };
    // DuckDB builds its hash table from the smaller side.
    this.work.built += Math.min(left.rows, right.rows);
    this.work.probed += Math.max(left.rows, right.rows);
    hold(this.work, Math.min(left.rows, right.rows) * bytesPerValue * valuesPerJoinEntry);
    const share = step.on
      ? this.#share(step.on, both)
      : step.using
        ? 1 / Math.max(1, Math.max(left.rows, right.rows))
        : 1;
    return { rows: joinRows(step, left.rows, right.rows, both.rows * share), columns: both.columns };
  }

  #share(condition: PlanExpression | undefined, input: Estimate): number {
    return estimateSelectivity(condition, this.#context(input));
  }

  #context(input: Estimate): ConditionContext {
    return { parameters: this.#parameters, column: (relation, name) => input.columns.get(`${relation}.${name}`) };
  }

  #distinct(key: PlanExpression, input: Estimate): number {
    const statistics = key.kind === 'column' ? input.columns.get(`${key.relation}.${key.name}`) : undefined;
    // How many values an expression takes nobody knows: the square root lies between one group and as many as rows.
    return Math.min(Math.max(1, input.rows), statistics?.distinct ?? Math.sqrt(Math.max(1, input.rows)));
  }

  #subqueries(condition: PlanExpression | undefined): void {
    if (!condition) return;
    const queries = new Set<PlanQuery>();
    walkExpression(condition, { expression: (node) => void ('query' in node && queries.add(node.query)) });
    for (const query of queries) this.work.probed += this.query(query).rows;
  }
}

/** An outer join keeps the rows of its outer side whatever matched; a semi or anti join shows no row of the left twice. */
function joinRows(step: JoinStep, left: number, right: number, matched: number): number {
  switch (step.type) {
    case 'left':
    case 'asof':
    case 'asof_left':
      return Math.max(left, step.type === 'left' ? matched : left);
    case 'right':
      return Math.max(right, matched);
    case 'full':
      return Math.max(left + right, matched);
    case 'semi':
      return Math.min(left, matched);
    case 'anti':
      return Math.max(0, left - Math.min(left, matched));
    default:
      return matched;
  }
}

/** Conditions that no scan applied itself. */
function unpushed(select: SelectBody): PlanExpression | undefined {
  const aliases = new Set(select.from ? scanAliases(select.from) : []);
  const rest = conjuncts(select.where).filter(
    (condition) => ![...aliases].some((alias) => speaksOnlyOf(condition, alias)),
  );
  return rest.length === 0 ? undefined : { kind: 'logic', operator: 'and', operands: rest };
}

function scanAliases(relation: PlanRelation): string[] {
  if (relation.kind === 'scan') return [relation.alias];
  return relation.kind === 'join'
    ? [...scanAliases(relation.first), ...relation.steps.flatMap((step) => scanAliases(step.right))]
    : [];
}

function speaksOnlyOf(condition: PlanExpression, alias: string): boolean {
  let isOnly = true;
  let speaks = false;
  walkExpression(condition, {
    expression: (node) => {
      if ('query' in node) isOnly = false;
      if (node.kind !== 'column') return;
      if (node.relation === alias) speaks = true;
      else isOnly = false;
    },
  });
  return isOnly && speaks;
}

function callsAggregate(expression: PlanExpression): boolean {
  let calls = false;
  walkExpression(expression, {
    expression: (node) => {
      if (node.kind === 'call' && !node.over && isAggregateFunction(node.function)) calls = true;
    },
  });
  return calls;
}

function readCount(expression: PlanExpression | undefined, parameters: readonly PlanParameter[]): number | undefined {
  const value =
    expression?.kind === 'literal'
      ? expression.value
      : expression?.kind === 'parameter'
        ? parameters[expression.index]?.value
        : undefined;
  const count = Number(value);
  return value === undefined || value === null || !Number.isFinite(count) ? undefined : Math.max(0, count);
}
