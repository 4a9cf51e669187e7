import type { Dialect } from '@hybridstore/contracts';
import { aggregateTranslators } from './aggregate-functions.ts';
import { calendarTranslators } from './calendar-functions.ts';
import type { Translate, Translators } from './call-site.ts';
import { codingTranslators } from './coding-functions.ts';
import { dateTranslators } from './date-functions.ts';
import { jsonTranslators } from './json-functions.ts';
import { numberTranslators } from './number-functions.ts';
import { postgresqlTranslators } from './postgresql-functions.ts';
import { textTranslators } from './text-functions.ts';
import { zoneTranslators } from './zone-functions.ts';

const scalarTables: readonly Translators[] = [
  textTranslators,
  codingTranslators,
  numberTranslators,
  dateTranslators,
  calendarTranslators,
  zoneTranslators,
  jsonTranslators,
  postgresqlTranslators,
];

/**
 * What a function means in a dialect, where it is not what the table of allowed functions says. A call is looked up in three
 * places, and refused by name when it is in none:
 *
 *     1. the dialect's own entry     MySQL   LENGTH(name)        strlen(name)    bytes
 *     2. the entry for all of them   others  LENGTH(name)        length(name)    characters
 *     3. the plan's table            all     LPAD(name, 5, ' ')  lpad(…)         arguments as they are
 *     -                              all     LOAD_FILE('…')      refused
 *
 * A translator says the dialect's meaning in functions that the engine has, so that one engine answers for three dialects:
 *
 *     MySQL  GREATEST(a, b)    CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE greatest(a, b) END
 *
 * Left out: what cannot be said exactly is refused with what to write instead, never nearly said. Who gets another answer
 * than from his own database, and no error, has been given a wrong one.
 */
export function translators(
  dialect: Dialect,
  name: string,
): { readonly translate: Translate; readonly isAggregate: boolean } | undefined {
  for (const table of scalarTables) {
    const translate = own(table[dialect], name) ?? own(table.all, name);
    if (translate) return { translate, isAggregate: false };
  }
  const translate = own(aggregateTranslators[dialect], name) ?? own(aggregateTranslators.all, name);
  return translate ? { translate, isAggregate: true } : undefined;
}

function own(table: Readonly<Record<string, Translate>> | undefined, name: string): Translate | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}
