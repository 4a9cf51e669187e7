import type { Dialect } from '@hybridstore/contracts';
import { isRecord } from '@hybridstore/runtime';
import type { Token } from './lexer.ts';

/**
 * Quoted names may hold anything, and the parser reads some of them as something else: in `"""a"`, which is the name `"a`,
 * it sees a text in three quotes. So it gets a private name, and the tree gets the name back:
 *
 *     SELECT """a" FROM t        what was written
 *     SELECT "hs_name_0" FROM t  what is parsed
 *
 * A name that begins like a private one is masked as well, so that none can be taken for another.
 */
const prefix = 'hs_name_';
const plainForm = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What stands for a quoted name; undefined where the parser may read it as it is. */
export function maskName(token: Token, dialect: Dialect, masked: Map<string, string>): string | undefined {
  const quote = dialect === 'mysql' ? '`' : '"';
  if (token.text[0] !== quote) return undefined;
  const name = token.text.slice(1, -1).replaceAll(quote + quote, quote);
  if (name === '' || (plainForm.test(name) && !name.toLowerCase().startsWith(prefix))) return undefined;
  const mask = `${prefix}${masked.size}`;
  masked.set(mask, name);
  return `${quote}${mask}${quote}`;
}

/** The tree with the names that were written. Only identifiers are looked at: a text may say anything. */
export function withOwnNames<T>(value: T, masked: ReadonlyMap<string, string>): T;
export function withOwnNames(value: unknown, masked: ReadonlyMap<string, string>): unknown {
  if (masked.size === 0) return value;
  if (Array.isArray(value)) return value.map((item) => withOwnNames(item, masked));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, withOwnNames(inner, masked)] as const);
  const own = value['quoted'] === true ? masked.get(String(value['name'])) : undefined;
  return { ...Object.fromEntries(entries), ...(own === undefined ? {} : { name: own }) };
}
