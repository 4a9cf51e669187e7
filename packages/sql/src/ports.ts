import type { DslQuery, FailedOperation, LiftedLiteral, LogicalPlan, ParameterKey } from '@hybridstore/contracts';
import type { OptimizationStep, optimizePlan, PlanSchemas } from '@hybridstore/plan';
import type { AdmissionOwner } from '@hybridstore/runtime';
import type { SqlOptions } from './bind/context.ts';
import type { ParameterValues } from './bind/parameter-values.ts';
import type { DslOptions } from './dsl/compile-dsl.ts';

/** A statement to read. It crosses to a thread, so it is plain data. `steps`: what is done to the plan before it is given. */
export type ParseTask = SqlOptions & {
  readonly text: string;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterValues;
  readonly steps: readonly OptimizationStep[];
  /** Whether literals that could be others become parameters of the plan. Only without parameters of the statement's own. */
  readonly liftsLiterals?: boolean;
};

export type ParseOutcome = {
  readonly plan: LogicalPlan;
  /** One for each parameter of the plan that was a literal. */
  readonly lifted: readonly LiftedLiteral[];
  readonly parameterKeys: readonly ParameterKey[];
  readonly functions: readonly string[];
  readonly crossCheck: 'agreed' | 'cannot_read';
};

/** A statement whose plan failed. */
export type LocateTask = Omit<ParseTask, 'steps'> & { readonly failed: FailedOperation };
export type LocateOutcome = readonly { readonly line: number; readonly column: number }[];

/** For whom a statement is read: tenants take turns, and the users of each. */
export type ParseCall = { readonly owner: AdmissionOwner; readonly signal: AbortSignal };

export type DslTask = {
  readonly query: DslQuery;
  readonly schemas: PlanSchemas;
  readonly options: DslOptions;
  readonly steps: readonly OptimizationStep[];
};
export type DslOutcome = Pick<ParseOutcome, 'plan' | 'functions'>;

/** A plan that no parser made; it is checked before anything is done with it. */
export type TransformTask = {
  readonly plan: LogicalPlan;
  readonly schemas: PlanSchemas;
  readonly steps: readonly OptimizationStep[];
};
export type TransformOutcome = ReturnType<typeof optimizePlan> & { readonly sql: string; readonly tree: string };

/** Reads and rewrites within a time limit, away from the loop that answers requests. */
export interface SqlParser {
  parse(task: ParseTask, call: ParseCall): Promise<ParseOutcome>;
  locate(task: LocateTask, call: ParseCall): Promise<LocateOutcome>;
  compile(task: DslTask, call: ParseCall): Promise<DslOutcome>;
  transform(task: TransformTask, call: ParseCall): Promise<TransformOutcome>;
}
