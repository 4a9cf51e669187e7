import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteText } from '@hybridstore/engine/duckdb';
import { LruCache } from '@hybridstore/runtime';
import type { StatementView } from '../../domain/ports.ts';
import type { FileSchemas } from './view-text.ts';

const filesMax = 50_000;

/** Which columns each file holds. Files never change under their name, so one look is enough. */
export class FileSchemaCache {
  readonly #columns = new LruCache<string, ReadonlySet<string>>(filesMax);

  /** Without a look into any file; undefined when one would have to be looked into. */
  known(views: readonly StatementView[]): FileSchemas | undefined {
    const known = new Map(lackingPaths(views).map((path) => [path, this.#columns.get(path)] as const));
    return [...known.values()].includes(undefined) ? undefined : (path) => known.get(path);
  }

  /** Looks into the files of views that may lack columns; files of other views are not opened. */
  async read(connection: DuckDBConnection, views: readonly StatementView[]): Promise<FileSchemas> {
    const known = new Map(lackingPaths(views).map((path) => [path, this.#columns.get(path)] as const));
    const unknown = [...known].filter(([, columns]) => columns === undefined).map(([path]) => path);
    for (const [path, columns] of await readSchemas(connection, unknown)) {
      known.set(path, columns);
      this.#columns.set(path, columns);
    }
    return (path) => known.get(path);
  }
}

function lackingPaths(views: readonly StatementView[]): readonly string[] {
  return views.filter((view) => view.hasAbsentColumns).flatMap((view) => view.files.map((file) => file.path));
}

async function readSchemas(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const schemas = new Map<string, Set<string>>(paths.map((path) => [path, new Set()]));
  if (paths.length === 0) return schemas;
  // The root of a schema has a name as well, which a column may have.
  const reader = await connection.runAndReadAll(
    `SELECT file_name, name FROM parquet_schema([${paths.map(quoteText).join(', ')}]) WHERE coalesce(num_children, 0) = 0`,
  );
  for (const [path, name] of reader.getRows()) schemas.get(String(path))?.add(String(name));
  return schemas;
}
