import { type Dialect, dialects } from '@hybridstore/contracts';
import { describeFunctions, type FunctionDescription } from '@hybridstore/sql/functions';
import { deliberateDifferences } from '../../tests/dialects/deliberate-differences.ts';
import type { GeneratedFile } from './generated-file.ts';
import { numberRules, sqlChapters } from './sql-chapters.ts';

/** The reference of SQL: chapters written by hand, then every function by dialect and every answer that differs on purpose. */
export function buildSqlReference(): GeneratedFile {
  const described = dialects.map((dialect) => ({ dialect, functions: describeFunctions(dialect) }));
  const shared = sharedFunctions(described.map(({ functions }) => functions));
  const parts = [
    sqlChapters(numberRules),
    '\n### In every dialect\n',
    functionTable(shared.filter(({ refused }) => refused === undefined)),
    ...described.flatMap(({ dialect, functions }) => dialectChapter(dialect, withoutShared(functions, shared))),
    '\n## Deliberate differences\n',
    "Each answer is compared with the dialect's own engine (MariaDB 10.11, PostgreSQL 15, DuckDB; `npm run test:dialects`). These are other ones on purpose:\n",
    differenceTable(),
    '',
  ];
  return { path: 'docs/reference/sql.md', text: parts.join('\n') };
}

type Functions = readonly FunctionDescription[];

function sharedFunctions([first = [], ...others]: readonly Functions[]): Functions {
  return first.filter((one) => others.every((functions) => functions.some((other) => isSame(one, other))));
}

function withoutShared(functions: Functions, shared: Functions): Functions {
  return functions.filter((one) => !shared.some((other) => isSame(one, other)));
}

function isSame(one: FunctionDescription, other: FunctionDescription): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function dialectChapter(dialect: Dialect, functions: Functions): readonly string[] {
  const refused = functions.filter((one) => one.refused !== undefined);
  const taken = functions.filter((one) => one.refused === undefined);
  const refusals = refused.map((one) => `- \`${one.name}\`: ${one.refused}`);
  return [
    `\n### In ${dialect}\n`,
    functionTable(taken),
    ...(refusals.length === 0 ? [] : ['\nKnown, and refused in every call:\n', ...refusals]),
  ];
}

function functionTable(functions: Functions): string {
  const rows = functions.map(
    (one) =>
      `| \`${one.name}(${one.arguments})\` | ${one.kind === 'scalar' ? '' : one.kind} | ${escapeCell(one.note ?? '')} |`,
  );
  return ['| function | | |', '| --- | --- | --- |', ...rows].join('\n');
}

function differenceTable(): string {
  const rows = deliberateDifferences.map(
    ({ dialect, expressions, reason }) =>
      `| ${dialect} | \`${escapeCell(exampleOf(expressions))}\` | ${escapeCell(reason)} |`,
  );
  return ['| dialect | where (a pattern) | answer here |', '| --- | --- | --- |', ...rows].join('\n');
}

function exampleOf(expressions: RegExp): string {
  return expressions.source.replace(/^\^/, '').replace(/\$$/, '');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
