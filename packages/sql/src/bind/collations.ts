import type { Dialect } from '@hybridstore/contracts';
import { type Collation, collate } from '@hybridstore/plan';
import { kindOf } from '../syntax/syntax-tree.ts';
import { type BindSite, bindField } from './bind-site.ts';
import { dialectText, type Typed, textOf, typed } from './types.ts';

/**
 * `value COLLATE name`. Taken are the collations whose order and equality are those of bytes, of the engine's NOCASE or of
 * its NOACCENT; every other one is refused by name:
 *
 *     MySQL         …_bin, binary; …_as_ci without regard to case; …_general_ci, …_unicode_ci, …_ai_ci to accents neither.
 *                   Those of one language (…_swedish_ci) know letters that are none elsewhere; …_as_cs orders as no byte does
 *     PostgreSQL    "C", "POSIX", "ucs_basic"; those of ICU and of a system's languages order otherwise
 *     DuckDB        BINARY, C, POSIX, NOCASE, NOACCENT and NOCASE.NOACCENT
 *
 * None pads: 'a' and 'a ' differ, as in MySQL's utf8mb4_0900_ai_ci, and not as in its older collations.
 */
export function bindCollation(site: BindSite): Typed {
  const { fields } = site;
  const name = fields.text('collation') ?? '';
  return collated(site, bindField(site, 'this'), name);
}

/** `BINARY value` and `CAST(value AS BINARY)` of MySQL: a text that is compared by its bytes. */
export function asBytes(value: Typed): Typed {
  return typed(collate(textOf(value), 'binary'), 'string');
}

/** `value COLLATE NOCASE.NOACCENT`, in which the parser sees a field of a value; undefined for every other dot. */
export function bindDottedCollation(site: BindSite): Typed | undefined {
  const { fields, scope, context } = site;
  const base = fields.required('this');
  if (kindOf(base) !== 'collation') return undefined;
  const inner = context.fields(base);
  const name = `${inner.text('collation') ?? ''}.${fields.name('field') ?? ''}`;
  const value = context.bind(inner.required('this'), scope);
  inner.finish();
  return collated(site, value, name);
}

function collated(site: BindSite, value: Typed, written: string): Typed {
  const { dialect, text } = site.context;
  const name = text.maskedNames.get(written) ?? written;
  const collation = readCollation(name, dialect);
  if (!collation)
    throw site.fields.refuse(`collation ${name.slice(0, 100)} is not supported`, {
      name: name.slice(0, 100),
      expected: expectedNames[dialect],
    });
  return typed(collate(dialectText(value, dialect), collation), 'string');
}

const expectedNames: Readonly<Record<Dialect, readonly string[]>> = {
  mysql: [
    'utf8mb4_bin',
    'binary',
    'utf8mb4_0900_as_ci',
    'utf8mb4_general_ci',
    'utf8mb4_unicode_ci',
    'utf8mb4_0900_ai_ci',
  ],
  postgresql: ['C', 'POSIX', 'ucs_basic'],
  duckdb: ['BINARY', 'NOCASE', 'NOACCENT', 'NOCASE.NOACCENT'],
};

const readers: Readonly<Record<Dialect, (name: string) => Collation | undefined>> = {
  mysql: readMysqlCollation,
  postgresql: (name) => (/^(pg_catalog\.)?(C|POSIX|C\.UTF-?8|ucs_basic)$/i.test(name) ? 'binary' : undefined),
  duckdb: readDuckdbCollation,
};

export function readCollation(name: string, dialect: Dialect): Collation | undefined {
  return readers[dialect](name);
}

const mysqlCharacters = /^utf8(mb[34])?_/;
/** Orders of all languages together. `nopad` is what every collation does here. */
const mysqlIgnoringAccents =
  /^(general|general_nopad|unicode|unicode_nopad|unicode_520|unicode_520_nopad|0900_ai|uca1400_ai|uca1400_nopad_ai)_ci$/;
const mysqlIgnoringCase = /^(0900_as|uca1400_as|uca1400_nopad_as)_ci$/;

function readMysqlCollation(name: string): Collation | undefined {
  const lower = name.toLowerCase();
  if (lower === 'binary') return 'binary';
  // MariaDB writes uca1400 without the name of the characters too.
  const order = lower.startsWith('uca1400_')
    ? lower
    : mysqlCharacters.test(lower)
      ? lower.replace(mysqlCharacters, '')
      : '';
  if (/^(nopad_|0900_)?bin$/.test(order)) return 'binary';
  if (mysqlIgnoringAccents.test(order)) return 'nocase_noaccent';
  return mysqlIgnoringCase.test(order) ? 'nocase' : undefined;
}

function readDuckdbCollation(name: string): Collation | undefined {
  const parts = name.toUpperCase().split('.');
  if (parts.length === 1 && ['BINARY', 'C', 'POSIX'].includes(parts[0] ?? '')) return 'binary';
  if (parts.some((part) => part !== 'NOCASE' && part !== 'NOACCENT')) return undefined;
  if (!parts.includes('NOACCENT')) return 'nocase';
  return parts.includes('NOCASE') ? 'nocase_noaccent' : 'noaccent';
}
