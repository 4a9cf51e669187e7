export { checkPlan, outputNames, type PlanSchemas } from './check-plan.ts';
export { applyCollations, type CollatedQuery } from './collation/apply-collations.ts';
export { type Collation, collate } from './collation/collation.ts';
export { readDateFormat } from './date-format.ts';
export { type DeclaredOutput, declaredOutputs } from './declared-outputs.ts';
export {
  compareNumbers,
  type DocumentNumber,
  documentNumber,
  exactNumberType,
  extremeOf,
} from './document-number.ts';
export { type DuckdbPrintOptions, type PrintedQuery, printDuckdb } from './duckdb-printer.ts';
export { deepFreeze, finishPlan } from './finish-plan.ts';
export { functionNamed, functionOfDialect, isAggregateFunction, planFunctions } from './functions.ts';
export { likePattern } from './like-pattern.ts';
export { nearestName } from './nearest-name.ts';
export {
  allOf,
  arithmetic,
  call,
  cast,
  choose,
  column,
  compare,
  conjuncts,
  integer,
  isNull,
  literal,
  logic,
  not,
  nullLiteral,
  text,
  trueLiteral,
  tryCast,
} from './nodes.ts';
export { ParameterList } from './parameter-list.ts';
export { planErrors } from './plan-errors.ts';
export type { KnownText, PlanFunction } from './plan-function.ts';
export { PlanTransformer } from './plan-transformer.ts';
export { MadeUpNames, madeUpName, ownNames, type PrintedNames } from './printed-names.ts';
export { type ColumnTypes, mayMatch, prepareMatcher } from './pruning/may-match.ts';
export { type ScanPredicates, scanPredicates } from './pruning/scan-predicates.ts';
export { answerFromStatistics, type SourceFiles, type StatisticsAnswer } from './statistics-answer.ts';
export type { StoredColumn, StoredForm, StoredForms } from './stored-columns.ts';
export { localTime, truncateInZone, utcTime } from './time-bucket.ts';
export { readTimeZone, timeZoneText } from './time-zone.ts';
export { timeZoneNames } from './time-zone-names.ts';
export { parseTimestampMicros, timestampText } from './timestamp-text.ts';
export { type OptimizationStep, optimizePlan, stepsOfLevel } from './transform/optimize-plan.ts';
export { printTree } from './tree-printer.ts';
export {
  functionsCalled,
  isCorrelated,
  isVolatile,
  listScans,
  referencedAliases,
  volatileFunctions,
  walkExpression,
  walkQuery,
} from './walk-plan.ts';
