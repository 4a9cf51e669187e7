import type {
  CallNode,
  Column,
  FileStatistics,
  LogicalPlan,
  PlanExpression,
  PlanParameter,
  PlanQuery,
  ScanRelation,
  SelectBody,
} from '@hybridstore/contracts';
import { isAggregateFunction } from './functions.ts';
import { arithmetic, call, conjuncts } from './nodes.ts';
import { ParameterList } from './parameter-list.ts';
import { PlanTransformer } from './plan-transformer.ts';
import { type Comparable, compareValues, readValue, statisticsOf } from './pruning/may-match.ts';
import { statisticValue } from './pruning/statistic-value.ts';
import { walkExpression, walkQuery } from './walk-plan.ts';

/** What there is of a source. `isExact`: the file's statistics are those of the rows that a reader sees, as its writer counted them. */
export type SourceFiles = {
  readonly columns: readonly Column[];
  readonly files: readonly FileStatistics[];
  readonly isExact: (file: FileStatistics) => boolean;
};

/** A plan that means the same over fewer files. `files` are those left to the scan of each alias that is named. */
export type StatisticsAnswer = {
  readonly plan: LogicalPlan;
  readonly files: ReadonlyMap<string, ReadonlySet<FileStatistics>>;
};

/**
 * What file statistics know already need not be read. The aggregates of a query over one whole source, or over whole
 * partition values of it, become what the engine finds in the fresh rows and the files that are left, together with what
 * the statistics of the others say:
 *
 *     SELECT count(*), min(n) FROM s      ─▶      SELECT count(*) + 300, least(min(n), 7) FROM (fresh rows, files left)
 *
 * So types, names and spelling of the answer are the engine's own, whatever was known. A file is left to the engine where
 * its statistics do not say exactly what is asked:
 *
 *     booleans, documents       have no bounds
 *     texts                     are cut at 32 code points; a maximum may be rounded up, so none is believed
 *     timestamps                are cut to milliseconds, so the files whose bounds are within one of the best are read
 *     doubles                   have no bounds beside NaN or an infinity, and zero may be -0
 *     columns added later       are unknown
 *
 * The distinct values of a partition column need one file of each value; whether there is a row needs one file. Undefined
 * where nothing of this is asked, or nothing is gained. Pure.
 */
export function answerFromStatistics(
  plan: LogicalPlan,
  sources: ReadonlyMap<string, SourceFiles>,
): StatisticsAnswer | undefined {
  const answer = answerAggregates(plan, sources) ?? answerExistence(plan, sources);
  if (!answer) return undefined;
  const isLess = [...answer.files].some(([, files]) => files.size < answer.before);
  return isLess ? { plan: answer.plan, files: answer.files } : undefined;
}

type Draft = StatisticsAnswer & { readonly before: number };

// Existence

/** Of `EXISTS (SELECT … FROM source)` one row is enough. */
function answerExistence(plan: LogicalPlan, sources: ReadonlyMap<string, SourceFiles>): Draft | undefined {
  const files = new Map<string, ReadonlySet<FileStatistics>>();
  let before = 0;
  walkQuery(plan.query, {
    expression: (node) => {
      const scan = node.kind === 'exists' ? wholeScan(node.query) : undefined;
      const source = scan && sources.get(scan.source);
      if (!scan || !source) return;
      const [smallest] = source.files.filter(isCounted(source)).sort((a, b) => a.bytes - b.bytes);
      if (!smallest) return;
      files.set(scan.alias, new Set([smallest]));
      before = Math.max(before, source.files.length);
    },
  });
  return files.size === 0 ? undefined : { plan, files, before };
}

/** The scan of a query that gives a row for each row of a source. */
function wholeScan({ with: clause, body, limit, offset }: PlanQuery): ScanRelation | undefined {
  if (clause || limit || offset || body.kind !== 'select') return undefined;
  const { from, where, groupBy, having, qualify, projections } = body;
  if (from?.kind !== 'scan' || where || groupBy || having || qualify) return undefined;
  // Functions may give several rows for one, or none.
  return projections.every(({ value }) => plainKinds.has(value.kind)) ? from : undefined;
}

const plainKinds: ReadonlySet<PlanExpression['kind']> = new Set(['column', 'literal', 'parameter']);

// Aggregates

function answerAggregates(plan: LogicalPlan, sources: ReadonlyMap<string, SourceFiles>): Draft | undefined {
  const select = aggregation(plan.query);
  const scan = select?.from;
  const source = scan && sources.get(scan.source);
  if (!select || !source) return undefined;
  const calls = askedOf(select, scan, source);
  const wanted = calls && wantedFiles(source, { where: select.where, alias: scan.alias, parameters: plan.parameters });
  if (!calls || !wanted) return undefined;
  const left = filesLeft(source, calls, wanted);
  const parameters = new ParameterList();
  for (const { type, value } of plan.parameters) parameters.add(type, value);
  const known = wanted.filter((file) => !left.has(file));
  const rewrite = new AddKnown(calls, known, parameters);
  const query = rewrite.query(plan.query);
  return {
    plan: { ...plan, query, parameters: parameters.list },
    files: new Map([[scan.alias, left]]),
    before: source.files.length,
  };
}

type Aggregation = SelectBody & { readonly from: ScanRelation };

/** One row over all rows of a source. */
function aggregation({ with: clause, body, orderBy, limit, offset }: PlanQuery): Aggregation | undefined {
  if (clause || orderBy || limit || offset || body.kind !== 'select') return undefined;
  const { from, distinct, groupBy, having, qualify } = body;
  if (from?.kind !== 'scan' || distinct || having || qualify || (groupBy && groupBy.length > 0)) return undefined;
  return { ...body, from };
}

/** An aggregate that statistics may answer: rows, or values of a column. */
type Asked =
  | { readonly kind: 'rows' }
  | { readonly kind: 'count' | 'distinct' | 'min' | 'max'; readonly column: string; readonly type: string };

/** Undefined when an aggregate, or anything beside them, is none of these. */
function askedOf(
  select: Aggregation,
  scan: ScanRelation,
  source: SourceFiles,
): ReadonlyMap<CallNode, Asked> | undefined {
  const asked = new Map<CallNode, Asked>();
  let isKnown = true;
  const inside = new Set<PlanExpression>();
  for (const { value } of select.projections)
    walkExpression(value, {
      expression: (node) => {
        if ('query' in node || (node.kind === 'column' && !inside.has(node))) isKnown = false;
        if (node.kind !== 'call' || (!isAggregateFunction(node.function) && !node.over)) return;
        const one = askedBy(node, scan, source);
        if (one) asked.set(node, one);
        else isKnown = false;
        for (const argument of node.arguments) inside.add(argument);
      },
    });
  return isKnown && asked.size > 0 ? asked : undefined;
}

function askedBy(node: CallNode, scan: ScanRelation, { columns, files }: SourceFiles): Asked | undefined {
  const [argument, ...more] = node.arguments;
  if (node.over || node.filter || node.orderBy || node.nulls || more.length > 0) return undefined;
  if (!argument) return node.function === 'count' && !node.distinct ? { kind: 'rows' } : undefined;
  if (argument.kind !== 'column' || argument.relation !== scan.alias) return undefined;
  const type = columns.find(({ name }) => name === argument.name)?.type;
  if (type === undefined) return undefined;
  const column = argument.name;
  switch (node.function) {
    case 'min':
    case 'max':
      return { kind: node.function, column, type };
    case 'count':
      if (!node.distinct) return { kind: 'count', column, type };
      return files.every((file) => Object.hasOwn(file.partition, column))
        ? { kind: 'distinct', column, type }
        : undefined;
    default:
      return undefined;
  }
}

// Files

type Condition = {
  readonly where: PlanExpression | undefined;
  readonly alias: string;
  readonly parameters: readonly PlanParameter[];
};

/** Files all of whose rows are asked for; of the others none is. Undefined where that cannot be said of each. */
function wantedFiles(
  { files, columns }: SourceFiles,
  { where, alias, parameters }: Condition,
): readonly FileStatistics[] | undefined {
  if (!where) return files;
  const tests = conjuncts(where).map((condition) => partitionTest(condition, { alias, parameters, columns }));
  if (!tests.every((test) => test !== undefined)) return undefined;
  const areSplit = tests.every(({ column }) => files.every(({ partition }) => Object.hasOwn(partition, column)));
  return areSplit ? files.filter((file) => tests.every((test) => passes(file, test))) : undefined;
}

type PartitionTest = { readonly column: string; readonly type: string; readonly values: readonly Comparable[] };
type Constants = Omit<Condition, 'where'> & { readonly columns: readonly Column[] };

const partitionTypes = new Set(['integer', 'bigint', 'date', 'string']);

/** `column = constant` and `column IN (constants)`, as far as the engine compares the column as it is. */
function partitionTest(
  condition: PlanExpression,
  { alias, parameters, columns }: Constants,
): PartitionTest | undefined {
  const sides =
    condition.kind === 'comparison' && condition.operator === 'eq'
      ? condition.left.kind === 'column'
        ? { tested: condition.left, constants: [condition.right] }
        : { tested: condition.right, constants: [condition.left] }
      : condition.kind === 'in' && !condition.negated
        ? { tested: condition.value, constants: condition.list }
        : undefined;
  if (sides?.tested.kind !== 'column' || sides.tested.relation !== alias) return undefined;
  const { name } = sides.tested;
  const type = columns.find((column) => column.name === name)?.type;
  if (type === undefined || !partitionTypes.has(type)) return undefined;
  const values = sides.constants.map((constant) => {
    const value = statisticValue(constant, type, parameters);
    return value === undefined ? undefined : readValue(value, type);
  });
  return values.every((value) => value !== undefined) ? { column: name, type, values } : undefined;
}

/** NULL is equal to nothing. */
function passes({ partition }: FileStatistics, { column, type, values }: PartitionTest): boolean {
  const found = partition[column] ?? null;
  const value = found === null ? undefined : readValue(found, type);
  return value !== undefined && values.some((wanted) => compareValues(value, wanted) === 0);
}

/** Those that an aggregate needs. */
function filesLeft(
  source: SourceFiles,
  calls: ReadonlyMap<CallNode, Asked>,
  wanted: readonly FileStatistics[],
): ReadonlySet<FileStatistics> {
  const isKnown = isCounted(source);
  const left = new Set(wanted.filter((file) => !isKnown(file)));
  for (const asked of calls.values())
    if (asked.kind !== 'rows' && asked.kind !== 'distinct') for (const file of filesFor(asked, wanted)) left.add(file);
  for (const asked of calls.values())
    if (asked.kind === 'distinct') for (const file of oneOfEachValue(asked.column, wanted, left)) left.add(file);
  return left;
}

function isCounted({ isExact }: SourceFiles): (file: FileStatistics) => boolean {
  return (file) => isExact(file) && file.rows > 0;
}

/** A value that stands in a file that is read anyway needs no other. NULL is no value. */
function oneOfEachValue(
  column: string,
  files: readonly FileStatistics[],
  left: ReadonlySet<FileStatistics>,
): readonly FileStatistics[] {
  const seen = new Set([...left].map((file) => file.partition[column] ?? null));
  return [...files]
    .sort((a, b) => a.bytes - b.bytes)
    .filter((file) => {
      const value = file.partition[column] ?? null;
      if (value === null || seen.has(value)) return false;
      seen.add(value);
      return true;
    });
}

type ColumnAsked = Exclude<Asked, { readonly kind: 'rows' }>;

function filesFor(asked: ColumnAsked, files: readonly FileStatistics[]): readonly FileStatistics[] {
  const found = files.map((file) => ({ file, extreme: extremeOf(file, asked) }));
  if (asked.kind === 'count') return found.flatMap(({ file }) => (nullsOf(file, asked) === undefined ? [file] : []));
  const isBetter = (a: Comparable, b: Comparable) => (asked.kind === 'min' ? -1 : 1) * compareValues(a, b) > 0;
  const sure = found.flatMap(({ extreme }) => (extreme.kind === 'unknown' || !extreme.surely ? [] : [extreme.surely]));
  const best = sure.reduce<Comparable | undefined>(
    (most, one) => (!most || isBetter(one, most) ? one : most),
    undefined,
  );
  return found.flatMap(({ file, extreme }) => {
    if (extreme.kind === 'none' || extreme.kind === 'exact') return [];
    if (extreme.kind === 'unknown' || !best) return [file];
    return isBetter(extreme.atBest, best) ? [file] : [];
  });
}

/**
 * `between`: the value lies from `atBest` to `surely`, where that is known; to leave the file unread another one must have
 * a value that is surely as good as `atBest`.
 */
type Extreme =
  | { readonly kind: 'none'; readonly surely?: undefined }
  | { readonly kind: 'exact'; readonly text: string; readonly surely: Comparable }
  | { readonly kind: 'between'; readonly atBest: Comparable; readonly surely: Comparable | undefined }
  | { readonly kind: 'unknown'; readonly surely?: undefined };

const unknown: Extreme = { kind: 'unknown' };
const cutCodePoints = 32;
/** What is cut off a timestamp, in microseconds. */
const cutMicros = 999n;

function extremeOf(file: FileStatistics, { kind, column, type }: ColumnAsked): Extreme {
  const statistics = statisticsOf(file, column);
  if (!statistics || statistics.nulls === null) return unknown;
  if (statistics.nulls === file.rows) return { kind: 'none' };
  const text = kind === 'min' ? statistics.min : statistics.max;
  const value = text === null ? undefined : readValue(text, type);
  if (text === null || !value) return unknown;
  if (Object.hasOwn(file.partition, column))
    return partitionTypes.has(type) ? { kind: 'exact', text, surely: value } : unknown;
  if (type === 'integer' || type === 'bigint' || type === 'date' || type.startsWith('decimal'))
    return { kind: 'exact', text, surely: value };
  if (type === 'double') return isSureDouble(text) ? { kind: 'exact', text, surely: value } : unknown;
  if (type === 'timestamp') return aroundMoment(value, kind);
  if (type !== 'string' || kind !== 'min') return unknown;
  const isCut = [...text].length >= cutCodePoints;
  return isCut ? { kind: 'between', atBest: value, surely: undefined } : { kind: 'exact', text, surely: value };
}

function isSureDouble(text: string): boolean {
  const value = Number(text);
  return Number.isFinite(value) && value !== 0;
}

/** A minimum was rounded down, a maximum up. */
function aroundMoment(atBest: Comparable, kind: ColumnAsked['kind']): Extreme {
  if (atBest.kind !== 'exact') return unknown;
  const surely = { ...atBest, value: kind === 'min' ? atBest.value + cutMicros : atBest.value - cutMicros };
  return { kind: 'between', atBest, surely };
}

function nullsOf(file: FileStatistics, { column }: ColumnAsked): number | undefined {
  const nulls = statisticsOf(file, column)?.nulls ?? undefined;
  return nulls !== undefined && nulls <= file.rows ? nulls : undefined;
}

// The plan

class AddKnown extends PlanTransformer {
  readonly #calls: ReadonlyMap<CallNode, Asked>;
  readonly #known: readonly FileStatistics[];
  readonly #parameters: ParameterList;

  constructor(calls: ReadonlyMap<CallNode, Asked>, known: readonly FileStatistics[], parameters: ParameterList) {
    super();
    this.#calls = calls;
    this.#known = known;
    this.#parameters = parameters;
  }

  override expression(node: PlanExpression): PlanExpression {
    const asked = node.kind === 'call' ? this.#calls.get(node) : undefined;
    return asked ? this.#withKnown(node, asked) : super.expression(node);
  }

  #withKnown(node: PlanExpression, asked: Asked): PlanExpression {
    switch (asked.kind) {
      case 'distinct':
        return node;
      case 'rows':
        return this.#plus(node, (file) => file.rows);
      case 'count':
        return this.#plus(node, (file) => file.rows - (nullsOf(file, asked) ?? 0));
      case 'min':
      case 'max':
        return this.#extreme(node, asked);
    }
  }

  #plus(node: PlanExpression, count: (file: FileStatistics) => number): PlanExpression {
    const sum = this.#known.reduce((total, file) => total + count(file), 0);
    return sum === 0 ? node : arithmetic('add', node, this.#parameters.add('bigint', sum));
  }

  /** `least` and `greatest` leave NULL out. */
  #extreme(node: PlanExpression, asked: ColumnAsked): PlanExpression {
    const sign = asked.kind === 'min' ? -1 : 1;
    let best: Extract<Extreme, { kind: 'exact' }> | undefined;
    for (const file of this.#known) {
      const extreme = extremeOf(file, asked);
      if (extreme.kind !== 'exact') continue;
      if (!best || sign * compareValues(extreme.surely, best.surely) > 0) best = extreme;
    }
    if (!best) return node;
    const value = asked.type === 'double' ? Number(best.text) : best.text;
    // An integer is scanned as the long that it is stored as.
    const known = this.#parameters.add(asked.type === 'integer' ? 'bigint' : asked.type, value);
    return call(asked.kind === 'min' ? 'least' : 'greatest', node, known);
  }
}
