import { readFileSync } from 'node:fs';
import { type Dialect, dialects } from '@hybridstore/contracts';

export type Case = { readonly dialect: Dialect; readonly sql: string; readonly reference: string };

/** Blocks apart by empty lines; `@` names the dialects of what follows, `=` the reference in DuckDB's words. */
function readFile(file: string): readonly Case[] {
  let current: readonly Dialect[] = [];
  const content = readFileSync(new URL(`corpus/${file}`, import.meta.url), 'utf8');
  return content.split(/\n\n+/).flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
    const header = lines[0]?.startsWith('@') ? lines.shift() : undefined;
    if (header) current = dialects.filter((dialect) => header.includes(dialect));
    const reference = lines.find((line) => line.startsWith('= '))?.slice(2);
    const sql = lines.filter((line) => !line.startsWith('= ')).join('\n');
    return sql === '' ? [] : current.map((dialect) => ({ dialect, sql, reference: reference ?? sql }));
  });
}

export function readCases(): readonly Case[] {
  return ['all-dialects.sql', 'mysql.sql', 'postgresql.sql', 'duckdb.sql'].flatMap(readFile);
}
