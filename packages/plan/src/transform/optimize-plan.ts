import type { LogicalPlan } from '@hybridstore/contracts';
import { finishPlan } from '../finish-plan.ts';
import { foldConstants } from './fold-constants.ts';
import { joinByConditions } from './join-by-conditions.ts';
import { pruneColumns } from './prune-columns.ts';
import { pushDownFilters } from './push-down-filters.ts';

export const optimizationStepNames = [
  'fold_constants',
  'push_down_filters',
  'join_by_conditions',
  'prune_columns',
] as const;
export type OptimizationStep = (typeof optimizationStepNames)[number];
export type OptimizationResult = {
  readonly plan: LogicalPlan;
  readonly steps: readonly { readonly name: OptimizationStep; readonly changed: boolean }[];
};

const rewrites: Readonly<Record<OptimizationStep, (plan: LogicalPlan) => LogicalPlan>> = {
  fold_constants: foldConstants,
  push_down_filters: pushDownFilters,
  join_by_conditions: joinByConditions,
  prune_columns: pruneColumns,
};

/** `basic` is run before every execution; `aggressive` also writes joins out. */
export function stepsOfLevel(level: 'none' | 'basic' | 'aggressive'): readonly OptimizationStep[] {
  if (level === 'none') return [];
  return optimizationStepNames.filter((name) => level === 'aggressive' || name !== 'join_by_conditions');
}

/** Rewrites that never change an answer, in a fixed order; scans are narrowed anew after each. */
export function optimizePlan(plan: LogicalPlan, steps: readonly OptimizationStep[]): OptimizationResult {
  let current = plan;
  const done = optimizationStepNames
    .filter((name) => steps.includes(name))
    .map((name) => {
      const next = finishPlan(rewrites[name](current).query, current.parameters, current.warnings);
      const changed = JSON.stringify(next) !== JSON.stringify(current);
      current = next;
      return { name, changed };
    });
  return { plan: current, steps: done };
}
