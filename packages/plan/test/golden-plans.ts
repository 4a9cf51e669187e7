import type { FileStatistics, LogicalPlan, PlanExpression, PlanQuery } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/contracts';
import { parseSql } from '@hybridstore/sql/parsing';
import {
  finishPlan,
  mayMatch,
  optimizePlan,
  type PlanSchemas,
  printDuckdb,
  printTree,
  scanPredicates,
} from '../src/index.ts';
import { optimizationStepNames } from '../src/transform/optimize-plan.ts';

/** The two sources of all golden plans, by their columns. */
const sources = {
  events: 'id bigint, at timestamp, day date, kind string, amount double, price decimal(10,2), ok boolean, doc json',
  users: 'id bigint, name string, region string',
};
export const goldenSchemas: PlanSchemas = new Map(
  Object.entries(sources).map(([source, columns]) => [
    source,
    {
      columns: columns.split(/, (?=\w+ )/).map((column) => {
        const [name = '', type = ''] = column.split(' ');
        return { name, type };
      }),
    },
  ]),
);

/** SQL in DuckDB's words, or a plan's query or expression as JSON for what no statement says. */
export function readPlan(command: string): LogicalPlan {
  if (!command.startsWith('{')) return parseSql(command, goldenSchemas, { dialect: 'duckdb', isStrict: true }, []).plan;
  const node = JSON.parse(command) as PlanQuery | PlanExpression; // a script holds nothing else
  const query: PlanQuery =
    node.kind === 'query'
      ? node
      : { kind: 'query', body: { kind: 'select', projections: [{ name: 'value', value: node }] } };
  return finishPlan(query, [{ type: 'bigint', value: 7 }]);
}

/** The plan as it was bound, then as each rule that changes it leaves it, then as DuckDB gets it. */
export function showRewrites(command: string): string[] {
  let plan = readPlan(command);
  const lines = printTree(plan).split('\n');
  for (const name of optimizationStepNames) {
    const next = optimizePlan(plan, [name]);
    if (next.steps[0]?.changed) lines.push(`${name}:`, ...indent(printTree(next.plan)));
    plan = next.plan;
  }
  return [...lines, `duckdb: ${printDuckdb(plan).sql}`];
}

/** The tree for people and the text for DuckDB, or why there is none. */
export function showPrinted(command: string): string[] {
  try {
    const plan = readPlan(command);
    return [...printTree(plan).split('\n'), `duckdb: ${printDuckdb(plan).sql}`];
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    return [`${error.code}: ${error.message}`];
  }
}

/**
 * A statement, and below it the statistics of files:
 *
 *     file events/a: 10 rows; amount 0..5; kind ?..m, 2 nulls; day = 2024-01-01
 *
 * `?` is a bound that the file's writer left open, `=` the value of a partition. Ten rows and no nulls where nothing is
 * said. Prints what is asked of the files of each scan, then what becomes of each file.
 */
export function showPruning(command: string): string[] {
  const lines = command.split('\n');
  const plan = readPlan(lines.filter((line) => !line.startsWith('file ')).join('\n'));
  const files = lines.filter((line) => line.startsWith('file ')).map(readFile);
  return scanPredicates(plan, goldenSchemas).flatMap(({ alias, source, predicates }) => {
    const types = new Map(goldenSchemas.get(source)?.columns.map(({ name, type }) => [name, type]));
    const asked = predicates.map(({ column, operator, values }) => [column, operator, ...values].join(' '));
    const fates = files
      .filter((file) => file.source === source)
      .map(({ file }) => `  ${mayMatch(file, predicates, types) ? 'keeps' : 'drops'} ${file.path}`);
    return [`${alias}: ${asked.join('; ') || 'nothing is asked'}`, ...fates];
  });
}

function readFile(line: string): { readonly source: string; readonly file: FileStatistics } {
  const [, source = '', path = '', rest = ''] = /^file (\w+)\/(\w+): (.*)$/.exec(line) ?? [];
  const parts = rest.split('; ');
  const rows = Number(/^(\d+) rows$/.exec(parts[0] ?? '')?.[1] ?? 10);
  const partition: Record<string, string | null> = {};
  const columns: Record<string, { min: string | null; max: string | null; nulls: number | null }> = {};
  for (const part of parts) {
    const [, name = '', min = '', max = '', nulls = '0'] =
      /^(\w+) (.+)\.\.(.+?)(?:, (\d+|\?) nulls)?$/.exec(part) ?? [];
    const [, key, value = ''] = /^(\w+) = (.*)$/.exec(part) ?? [];
    if (key !== undefined) partition[key] = value === 'null' ? null : value;
    else if (name !== '')
      columns[name] = { min: known(min), max: known(max), nulls: nulls === '?' ? null : Number(nulls) };
  }
  return { source, file: { path, bytes: 1, rows, partition, columns, modified_at: 0 } };
}

function known(bound: string): string | null {
  return bound === '?' ? null : bound;
}

function indent(text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`);
}
