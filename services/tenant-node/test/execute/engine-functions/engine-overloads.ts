import { DuckDBInstance } from '@duckdb/node-api';

export type EngineFunction = {
  readonly name: string;
  readonly kind: string;
  readonly stability: string | null;
  readonly hasSideEffects: boolean | null;
  readonly types: readonly string[];
};

/** What the pinned engine itself says of its functions. */
export async function readEngineFunctions(): Promise<readonly EngineFunction[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    'SELECT function_name, function_type, stability, has_side_effects, to_json(parameter_types) FROM duckdb_functions()',
  );
  const functions = reader.getRows().map(([name, kind, stability, hasSideEffects, types]) => ({
    name: String(name),
    kind: String(kind),
    stability: typeof stability === 'string' ? stability : null,
    hasSideEffects: typeof hasSideEffects === 'boolean' ? hasSideEffects : null,
    types: JSON.parse(String(types)) as string[], // a list of names of types
  }));
  connection.closeSync();
  instance.closeSync();
  return functions;
}

/** Types of the arguments of each overload by the function's name; macros take anything. */
export async function readOverloads(): Promise<ReadonlyMap<string, { readonly types: readonly string[] }[]>> {
  const overloads = new Map<string, { readonly types: readonly string[] }[]>();
  for (const { name, kind, types } of await readEngineFunctions()) {
    if (kind !== 'scalar' && kind !== 'aggregate' && kind !== 'macro') continue;
    overloads.set(name, [...(overloads.get(name) ?? []), { types: types.map((type) => type ?? 'ANY') }]);
  }
  return overloads;
}
