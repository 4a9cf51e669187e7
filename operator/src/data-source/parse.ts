import { DataSourceSpec, findColumnNameProblem, foldColumnName, parseColumnType } from '@hybridstore/contracts';
import { type Parsed, parseOnce } from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import type { DataSource } from '../resources/custom-resources.ts';

const validator = compileValidator(DataSourceSpec);

/** The rules of the definition once more, for objects that were stored past it. */
export const parseDataSource = parseOnce(readDataSource);

function readDataSource(source: DataSource): Parsed<DataSourceSpec> {
  const { spec } = source;
  if (!validator.check<DataSourceSpec>(spec)) return { kind: 'invalid', problem: `spec.${validator.describe()}` };
  const problem = findColumnProblem(spec);
  return problem === undefined ? { kind: 'valid', spec } : { kind: 'invalid', problem };
}

function findColumnProblem(spec: DataSourceSpec): string | undefined {
  const columns = spec.schema?.columns ?? [];
  const badType = columns.find((column) => parseColumnType(column.type) === undefined);
  if (badType !== undefined) return `spec.schema.columns: ${badType.name} has no known type: ${badType.type}`;
  const collated = columns.find((column) => column.collation && parseColumnType(column.type)?.kind !== 'string');
  if (collated !== undefined)
    return `spec.schema.columns: ${collated.name} is no string column, so that it has no collation`;
  for (const { name } of columns) {
    const expected = findColumnNameProblem(name);
    if (expected !== undefined) return `spec.schema.columns: expected ${expected}, got ${JSON.stringify(name)}`;
  }
  const folded = new Set(columns.map((column) => foldColumnName(column.name)));
  if (folded.size < columns.length) return 'spec.schema.columns: names must differ by more than case';
  const names = new Set(columns.map((column) => column.name));
  for (const field of ['partitionColumns', 'indexColumns', 'primaryKey'] as const) {
    const unknown = spec[field]?.find((name) => !names.has(name));
    if (unknown !== undefined) return `spec.${field}: ${unknown} is not a column of the schema`;
    if (new Set(spec[field]).size < (spec[field]?.length ?? 0)) return `spec.${field}: names a column twice`;
  }
  return undefined;
}
