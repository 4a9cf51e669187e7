import type { LogicalPlan } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import type { AdmissionOwner } from '@hybridstore/runtime';
import type { ParameterValues, SqlOptions } from './bind/context.ts';

/** A statement to read. It crosses to a thread, so it is plain data. */
export type ParseTask = SqlOptions & {
  readonly text: string;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterValues;
};

export type ParseOutcome = {
  readonly plan: LogicalPlan;
  readonly parameterKeys: readonly (string | number)[];
  readonly functions: readonly string[];
  readonly crossCheck: 'agreed' | 'cannot_read';
};

/** For whom a statement is read: tenants take turns, and the users of each. */
export type ParseCall = { readonly owner: AdmissionOwner; readonly signal: AbortSignal };

/** Reads SQL within a time limit, away from the loop that answers requests. */
export interface SqlParser {
  parse(task: ParseTask, call: ParseCall): Promise<ParseOutcome>;
}
