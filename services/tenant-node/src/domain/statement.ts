import {
  type FileStatistics,
  type LogicalPlan,
  type PruningPredicate,
  parseColumnType,
  type ReadColumns,
  type ScanRelation,
  type SelectBody,
} from '@hybridstore/contracts';
import { isOwnSegment, type TableState } from '@hybridstore/engine';
import {
  answerFromStatistics,
  checkPlan,
  declaredOutputs,
  functionNamed,
  listScans,
  MadeUpNames,
  type PlanSchemas,
  type PrintedNames,
  prepareMatcher,
  printDuckdb,
  type SourceFiles,
  type StoredColumn,
  type StoredForm,
  scanPredicates,
} from '@hybridstore/plan';
import { assert, columnsVersion, HybridStoreError } from '@hybridstore/runtime';
import type { StatementRequest, StatementView, ViewBound } from './ports.ts';
import { predictMemoryBytes, type ScanSize } from './predict-memory.ts';
import type { SourceView } from './strict-view.ts';

/** What a statement will read, for the answer's `stats`. */
export type ReadFigures = { readonly filesTotal: number; readonly filesRead: number; readonly bytesRead: number };
export type PrintedPlan = Pick<StatementRequest, 'text' | 'parameters' | 'views' | 'outputs' | 'rowsAtMost'> & {
  /** `metadata`: statistics of files answered what would have been read of them. */
  readonly path: 'scan' | 'metadata';
  readonly reads: ReadFigures;
  readonly names: MadeUpNames;
  /** About what the engine will hold at once. */
  readonly memoryBytes: number;
};

/**
 * A plan over views of its sources as DuckDB SQL, with the files, by their keys, that statistics cannot rule out. The text
 * holds made-up names alone.
 */
export function printStatement(plan: LogicalPlan, views: ReadonlyMap<string, SourceView>): PrintedPlan {
  const schemas: PlanSchemas = new Map([...views].map(([id, view]) => [id, { columns: view.state.columns }]));
  const predicates = new Map(scanPredicates(plan, schemas).map((scan) => [scan.alias, scan.predicates]));
  const answered = answerFromStatistics(plan, sourceFiles(views));
  const run = answered?.plan ?? plan;
  const scans = listScans(run.query);
  const names = new MadeUpNames();
  const printed = printDuckdb(run, {
    names,
    storedForms: (source, column) => storedForm(typeOf(schemas, source, column)),
  });
  const read = scans.map((scan) => {
    const view = views.get(scan.source);
    assert(view, `no view of source ${scan.source}`);
    const wanted = predicates.get(scan.alias) ?? [];
    const stored = printed.storedColumns.filter((column) => column.scan === scan.alias);
    return buildScan({ scan, names, predicates: wanted, stored, left: answered?.files.get(scan.alias) }, view);
  });
  return {
    text: printed.sql,
    parameters: printed.parameters,
    views: read.map(({ view }) => view),
    path: answered ? 'metadata' : 'scan',
    outputs: declaredOutputs(plan.query, schemas),
    rowsAtMost: rowsAtMost(plan),
    names,
    reads: sumReads(read.map(({ reads }) => reads)),
    memoryBytes: predictMemoryBytes(
      plan,
      read.map(({ size }) => size),
    ),
  };
}

/** Rows of the answer, where the plan says so: by a LIMIT, or as one group of all rows. */
function rowsAtMost({ query, parameters }: LogicalPlan): number | undefined {
  const { body, limit } = query;
  if (body.kind === 'select' && isOneGroup(body)) return 1;
  const constant = limit?.kind === 'parameter' ? parameters[limit.index] : limit;
  const value = constant && 'value' in constant ? Number(constant.value) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Without a GROUP BY no output stands beside an aggregate but what is one value for all rows. */
function isOneGroup({ groupBy, projections }: SelectBody): boolean {
  if (groupBy) return false;
  return projections.some(
    ({ value }) => value.kind === 'call' && !value.over && functionNamed(value.function)?.kind === 'aggregate',
  );
}

function sourceFiles(views: ReadonlyMap<string, SourceView>): ReadonlyMap<string, SourceFiles> {
  const entries = [...views].map(([id, { state }]) => {
    const { columns, files } = state;
    return [id, { columns, files, isExact: isOwnFile }] as const;
  });
  return new Map(entries);
}

/** Another engine may count otherwise, or cut what it counts. Files with rows taken out of them are refused by the engine. */
function isOwnFile({ path }: FileStatistics): boolean {
  return isOwnSegment(path);
}

/** Every receiver of a plan checks it: who sent it may have been deceived, or have known older columns. */
export function requireSoundPlan(plan: LogicalPlan, schemas: PlanSchemas): void {
  checkPlan(plan, schemas);
}

/** Throws `conflict` where a source has other columns than a plan was made for: its text may mean another plan now. */
export function requireYoungPlan(restsOn: readonly ReadColumns[], schemas: PlanSchemas): void {
  for (const { source_id: sourceId, columns } of restsOn) {
    const found = schemas.get(sourceId);
    if (found && columnsVersion(found.columns) !== columns)
      throw new HybridStoreError('conflict', `the plan was made for other columns of source ${sourceId}`, {
        source_id: sourceId,
        plan_too_old: true,
      });
  }
}

type Scan = {
  readonly scan: ScanRelation;
  readonly names: PrintedNames;
  readonly predicates: readonly PruningPredicate[];
  /** What the text reads as it is stored, beside the columns. */
  readonly stored: readonly StoredColumn[];
  /** Where statistics answer for the others. */
  readonly left: ReadonlySet<FileStatistics> | undefined;
};

function typeOf(schemas: PlanSchemas, source: string, column: string): string | undefined {
  return schemas.get(source)?.columns.find(({ name }) => name === column)?.type;
}

/** Of the types that the child's view gives by an expression over what is stored. */
function storedForm(typeName: string | undefined): StoredForm | undefined {
  const type = typeName === undefined ? undefined : parseColumnType(typeName);
  if (type?.kind === 'decimal' || type?.kind === 'timestamp' || type?.kind === 'json') return type as StoredForm;
  return undefined;
}

function buildScan(
  { scan, names, predicates, stored, left }: Scan,
  source: SourceView,
): { readonly view: StatementView; readonly reads: ReadFigures; readonly size: ScanSize } {
  const { state } = source;
  const positions = new Map(state.columns.map((column, position) => [column.name, position]));
  const find = (name: string) => {
    const position = positions.get(name);
    const type = position === undefined ? undefined : state.columns[position]?.type;
    assert(position !== undefined && type !== undefined, `column ${name} is not in ${state.sourceId}`);
    return { name, type, position };
  };
  const columns = scan.columns.map((name) => ({ ...find(name), as: names.column(name) }));
  const asStored = stored.map(({ column, as }) => ({ ...find(column), as, isAsStored: true as const }));
  const files = pruneFiles(state, predicates).filter((file) => left?.has(file) ?? true);
  const view = {
    name: names.scan(scan),
    source: state.sourceId,
    columns: [...columns, ...asStored],
    files: files.map((file) => ({ path: `${state.location}/${file.path}`, partition: file.partition })),
    hasAbsentColumns: state.schemaVersion > 1,
    bounds: listBounds(predicates, state),
    fresh: source.fresh,
  };
  const bytesRead = files.reduce((sum, file) => sum + file.bytes, 0);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const size = { rows, rowBytes: measureRow(columns, rows === 0 ? 0 : bytesRead / rows / state.columns.length) };
  return { view, reads: { filesTotal: state.files.length, filesRead: files.length, bytesRead }, size };
}

/** As the engine's vectors hold a text, and at least what they hold of anything else. */
const valueBytes = 16;
/** What a text is in memory over what it is in a file. */
const textExpansion = 4;
const fixedTypes = /^(boolean|tinyint|smallint|integer|bigint|float|double|decimal|date|time|timestamp)/;

/** Bytes of a row in the engine. `storedBytes`: of one value in the files, at the mean of all columns. */
function measureRow(columns: readonly { readonly type: string }[], storedBytes: number): number {
  const textBytes = valueBytes + storedBytes * textExpansion;
  return columns.reduce((sum, { type }) => sum + (fixedTypes.test(type) ? valueBytes : textBytes), valueBytes);
}

function pruneFiles(state: TableState, predicates: readonly PruningPredicate[]): readonly FileStatistics[] {
  const types = new Map(state.columns.map((column) => [column.name, column.type]));
  return state.files.filter(prepareMatcher(predicates, types));
}

/** So many digits are the same after they were a double. */
const exactDoubleDigits = 15;
const boundOperators: Partial<Record<PruningPredicate['operator'], ViewBound['operator']>> = {
  eq: '=',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
};

/**
 * Predicates on columns whose stored type is another one than their own: DuckDB does not look through the conversion to
 * the statistics of row groups.
 */
function listBounds(predicates: readonly PruningPredicate[], state: TableState): readonly ViewBound[] {
  return predicates.flatMap((predicate) => {
    const operator = boundOperators[predicate.operator];
    const [value, ...more] = predicate.values;
    const type = state.columns.find((column) => column.name === predicate.column)?.type;
    if (!operator || value === undefined || more.length > 0 || type === undefined) return [];
    return canBeBound(value, storedForm(type)) ? [{ column: predicate.column, operator, value }] : [];
  });
}

/**
 * As a decimal is stored, a constant with more digits behind the point would be rounded to another one. Of few enough digits,
 * decimals are in the order of their doubles, as which a statement may compare them.
 */
function canBeBound(value: string, form: StoredForm | undefined): boolean {
  if (form?.kind === 'timestamp') return true;
  const digits = /^-?(\d+)(?:\.(\d+))?$/.exec(value);
  if (form?.kind !== 'decimal' || form.precision > exactDoubleDigits || !digits?.[1]) return false;
  return (digits[2]?.length ?? 0) <= form.scale && digits[1].length + form.scale <= exactDoubleDigits;
}

function sumReads(reads: readonly ReadFigures[]): ReadFigures {
  return {
    filesTotal: reads.reduce((sum, read) => sum + read.filesTotal, 0),
    filesRead: reads.reduce((sum, read) => sum + read.filesRead, 0),
    bytesRead: reads.reduce((sum, read) => sum + read.bytesRead, 0),
  };
}
