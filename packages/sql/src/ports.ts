import type { Dialect, LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import type { ParameterValues } from './bind/context.ts';

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
  readonly crossCheck: 'agreed' | 'cannot_read';
};

/** Reads SQL within a time limit, away from the loop that answers requests. */
export interface SqlParser {
  parse(task: ParseTask, signal: AbortSignal): Promise<ParseOutcome>;
}
