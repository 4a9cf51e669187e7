import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import { quoteIdentifier } from '@hybridstore/engine/duckdb';
import type { StatementView } from '../../domain/ports.ts';
import type { Statement } from '../messages.ts';

/** Views are CTEs around the checked text: nothing is created, so nothing has to be cleaned up or kept apart. */
export function withViews(named: readonly StatementView[], texts: readonly string[]): string {
  if (texts.length === 0) return '';
  const views = named.map((view, index) => `${quoteIdentifier(view.name)} AS NOT MATERIALIZED (${texts[index] ?? ''})`);
  return `WITH ${views.join(', ')} `;
}

/** The statement behind `prefix`; its own WITH becomes part of that one, since a subquery would rename equal outputs. */
export function joinWith(prefix: string, statement: string): string {
  const own = /^WITH (RECURSIVE )?/.exec(statement);
  if (!own || prefix === '') return `${prefix}${statement}`;
  const views = prefix.slice('WITH '.length).trimEnd();
  return `WITH ${own[1] ?? ''}${views}, ${statement.slice(own[0].length)}`;
}

/** Text and whole numbers keep their exact form; the statement casts them to the type it wants. */
export function bindParameters(prepared: DuckDBPreparedStatement, statement: Statement): void {
  statement.parameters.forEach(({ value }, index) => {
    const place = index + 1;
    if (place > prepared.parameterCount) return;
    if (value === null) prepared.bindNull(place);
    else if (typeof value === 'string') prepared.bindVarchar(place, value);
    else if (typeof value === 'boolean') prepared.bindBoolean(place, value);
    else if (Number.isSafeInteger(value)) prepared.bindBigInt(place, BigInt(value));
    else prepared.bindDouble(place, value);
  });
}
