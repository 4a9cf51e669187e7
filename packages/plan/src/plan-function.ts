import type { Dialect } from '@hybridstore/contracts';

export type FunctionKind = 'scalar' | 'aggregate' | 'window';
/** A data type, or how the type follows from the arguments: `first`, `common` (of all), `number` (double or the first's). */
export type ReturnType =
  | 'string'
  | 'boolean'
  | 'bigint'
  | 'double'
  | 'date'
  | 'timestamp'
  | 'interval'
  | 'json'
  | 'list'
  | 'first'
  | 'common'
  | 'unknown';

export type PlanFunction = {
  readonly name: string;
  /** A spelling that holds `(` stands for the whole call, `#0` in it for an argument. */
  readonly duckdb: string;
  readonly kind: FunctionKind;
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly returns: ReturnType;
  readonly aliases: Partial<Readonly<Record<Dialect, readonly string[]>>>;
  readonly knownText?: KnownText;
  /** An argument that says how much to make, bounded where it is printed. */
  readonly countArgument?: number;
  /** One of `spelled-functions.ts`, which no dialect calls by name. */
  readonly isSpelled?: boolean;
};
/** An argument whose text the plan must know, since the engine trusts it too far. */
export type KnownText = { readonly argument: number; readonly as: 'date_format' | 'pattern' | 'time_zone' };
