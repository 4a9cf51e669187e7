import type { Dialect } from '@hybridstore/contracts';
import { aggregateTranslators } from './aggregate-functions.ts';
import type { Translate, Translators } from './call-site.ts';
import { dateTranslators } from './date-functions.ts';
import { jsonTranslators } from './json-functions.ts';
import { numberTranslators } from './number-functions.ts';
import { textTranslators } from './text-functions.ts';

const scalarTables: readonly Translators[] = [textTranslators, numberTranslators, dateTranslators, jsonTranslators];

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
