import { type Dialect, dialects, InterpreterSettingsFile } from '@hybridstore/contracts';
import { compileValidator } from '@hybridstore/http';
import { type Environment, HybridStoreError, readTenantUrlTemplate } from '@hybridstore/runtime';
import type { InterpreterSettings } from './domain/interpreter.ts';

export type InterpreterConfig = InterpreterSettings & {
  readonly catalogUrl: string;
  readonly tenantUrlTemplate: string;
  readonly parsingMsMax: number;
  readonly parserThreads: number;
};

/**
 * Reads and checks every variable of this service, and its sections of the file that CONFIG_FILE names; a variable wins.
 * SQLGLOT_DIALECT is another name of SQL_DIALECT.
 */
export function readConfig(environment: Environment): InterpreterConfig {
  const file = readSections(environment);
  return {
    catalogUrl: environment.url('METADATA_CATALOG_URL', 'http://metadata-catalog:8083'),
    tenantUrlTemplate: readTenantUrlTemplate(environment),
    parsingMsMax: 1_000 * environment.number('PARSING_TIMEOUT_SECONDS', { fallback: 30, min: 0.01, max: 3_600 }),
    parserThreads: environment.integer('PARSER_THREADS', { fallback: 2, min: 1, max: 64 }),
    cachedPlansMax: environment.integer('QUERY_PLAN_CACHE_SIZE', { fallback: 1_000, min: 1, max: 1_000_000 }),
    isDslValidated: environment.boolean('DSL_VALIDATION_ENABLED', true),
    dialect: readDialect(environment, file),
    isStrict: file.sql_parser?.strict_mode ?? true,
    supportedFunctions: readFunctions(file),
    dslDepthMax: file.dsl_parser?.max_depth ?? 10,
    steps: readSteps(file),
  };
}

function readDialect(environment: Environment, file: InterpreterSettingsFile): Dialect {
  const other = environment.choice('SQLGLOT_DIALECT', dialects, file.sql_parser?.dialect ?? 'mysql');
  return environment.choice('SQL_DIALECT', dialects, other);
}

function readFunctions(file: InterpreterSettingsFile): ReadonlySet<string> | undefined {
  const names = file.sql_parser?.supported_functions;
  return names && new Set(names.map((name) => name.toLowerCase()));
}

function readSteps(file: InterpreterSettingsFile): InterpreterSettings['steps'] {
  const settings = file.query_transformer ?? {};
  return new Set([
    'fold_constants',
    ...(settings.push_down_filters === false ? [] : (['push_down_filters'] as const)),
    ...(settings.optimize_joins === false ? [] : (['join_by_conditions'] as const)),
    ...(settings.column_pruning === false ? [] : (['prune_columns'] as const)),
  ]);
}

function readSections({ settingsFile }: Environment): InterpreterSettingsFile {
  if (settingsFile === undefined) return {};
  const { path, sections } = settingsFile;
  const validator = compileValidator(InterpreterSettingsFile);
  if (!validator.check<InterpreterSettingsFile>(sections)) throw wrongSection(`${path}: ${validator.describe()}`);
  // Functions are allowed by list; there is no way to add one at run time, so the setting must not promise it.
  if (sections.dsl_parser?.allow_custom_functions === true)
    throw wrongSection(`${path}: dsl_parser.allow_custom_functions: expected false, found true`);
  return sections;
}

function wrongSection(message: string): HybridStoreError {
  return new HybridStoreError('invalid_request', message, { variable: 'CONFIG_FILE' });
}
