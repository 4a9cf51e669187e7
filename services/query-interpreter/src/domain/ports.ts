import type { CatalogSource, Dialect, LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import type { ParameterValues } from './bind/context.ts';

/** The metadata catalog, asked with the caller's own token: it answers with the sources that he may read. */
export interface CatalogPort {
  sources(token: string, options: { readonly refresh: boolean }): Promise<readonly CatalogSource[]>;
}

export type ParseTask = {
  readonly text: string;
  readonly dialect: Dialect;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterValues;
  readonly isStrict: boolean;
  readonly supportedFunctions?: ReadonlySet<string> | undefined;
};

export type ParseOutcome = {
  readonly plan: LogicalPlan;
  readonly parameterKeys: readonly (string | number)[];
  readonly functions: readonly string[];
  readonly secondReading: 'agreed' | 'cannot_read';
};

/** Reads SQL within a time limit, away from the loop that answers requests. */
export interface SqlParser {
  parse(task: ParseTask, signal: AbortSignal): Promise<ParseOutcome>;
}
