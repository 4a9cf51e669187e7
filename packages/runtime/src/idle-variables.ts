import type { ServiceName } from '@hybridstore/contracts';
import type { Variables } from './environment.ts';
import { findNearVariable } from './near-variable.ts';
import { processVariables, readersOf, variableNamesOf } from './process-variables.ts';

/** A variable that is set and does nothing in a process, and why. */
export type IdleVariable = { readonly variable: string; readonly reason: string };

export const idleVariablesMax = 20;

/** Variables of a process that do nothing there: moved elsewhere, another process's own, or misspelt; the first ones by name. */
export function findIdleVariables(service: ServiceName, variables: Variables): readonly IdleVariable[] {
  const known = new Set(variableNamesOf(service));
  const moved: Readonly<Record<string, string>> = processVariables[service].moved;
  const idle: IdleVariable[] = [];
  for (const variable of Object.keys(variables).sort()) {
    if (idle.length >= idleVariablesMax) break;
    const reason = Object.hasOwn(moved, variable)
      ? `it is ${moved[variable]}`
      : known.has(variable)
        ? undefined
        : describeUnread(variable, known);
    if (reason !== undefined && variables[variable] !== '') idle.push({ variable, reason });
  }
  return idle;
}

/** Undefined for what is none of ours: a shell and a cluster set many variables. */
function describeUnread(variable: string, known: Iterable<string>): string | undefined {
  const readers = readersOf(variable);
  if (readers.length > 0) return `it is read by ${readers.join(' and ')} only`;
  if (variable.startsWith('KUBERNETES_')) return undefined;
  const near = isGivenToAnother(variable) ? undefined : findNearVariable(variable, known);
  return near === undefined ? undefined : `it is not known; did you mean ${near}?`;
}

function isGivenToAnother(variable: string): boolean {
  return Object.values(processVariables).some(
    ({ given, moved }) => Object.hasOwn(given, variable) || Object.hasOwn(moved, variable),
  );
}
