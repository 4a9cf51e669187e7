import type { Dialect } from '@hybridstore/contracts';
import { functionOfDialect } from '@hybridstore/plan';
import { declaredNames, kindAt, type Signature, signatureOf } from '../syntax/function-signatures.ts';
import { translators } from './translators.ts';

export type FunctionDescription = {
  readonly name: string;
  readonly kind: 'scalar' | 'aggregate' | 'window';
  /** As a page shows them: `text, whole[, whole]`, `any...`. */
  readonly arguments: string;
  readonly note?: string | undefined;
  /** Known, and refused in every call with these words. */
  readonly refused?: string | undefined;
};

/** Every function that a dialect may call and every one that it is refused by name, in order: from the tables that bind them. */
export function describeFunctions(dialect: Dialect): readonly FunctionDescription[] {
  return declaredNames(dialect).flatMap((name) => {
    const signature = signatureOf(name, dialect);
    const kind = kindOfFunction(name, dialect);
    if (!signature || (!kind && signature.refused === undefined) || name === 'error') return [];
    const { note, refused } = signature;
    return [{ name, kind: kind ?? 'scalar', arguments: describeArguments(signature), note, refused }];
  });
}

function kindOfFunction(name: string, dialect: Dialect): FunctionDescription['kind'] | undefined {
  const known = functionOfDialect(name, dialect);
  const translator = translators(dialect, name);
  if (!translator) return known?.kind;
  return translator.isAggregate ? 'aggregate' : 'scalar';
}

/** More than these are a list. */
const shownArgumentsMax = 7;

function describeArguments(signature: Signature): string {
  const { argumentsMin, argumentsMax, kinds, repeated } = signature;
  if (argumentsMax > shownArgumentsMax) {
    const own = kinds.slice(0, Math.max(kinds.length - repeated, 0));
    const rest = kinds.slice(own.length).map((kind) => `${kind}...`);
    return [...own, ...rest].join(', ');
  }
  const places = Array.from({ length: argumentsMax }, (_, index) => kindAt(signature, index));
  const required = places.slice(0, argumentsMin).join(', ');
  return places
    .slice(argumentsMin)
    .reduce((shown, kind) => (shown === '' ? `[${kind}]` : `${shown}[, ${kind}]`), required);
}
