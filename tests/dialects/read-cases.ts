import { readdirSync, readFileSync } from 'node:fs';
import type { Dialect } from '@hybridstore/contracts';

/** Of one template; more are thinned out evenly, so that every value of a pool still stands somewhere. */
const expressionsPerTemplateMax = 24;
/** Of these, how many are asked once more with columns in the place of constants, which a translator may know. */
const columnFormsPerTemplateMax = 10;
/** No divisor of a product of pools, so that steps of it come by every value. */
const stride = 7_919;

/**
 * The expressions of a dialect. A file of cases holds pools and templates; a template stands for all that its pools give:
 *
 *     @text NULL | '' | 'abc'
 *     LENGTH({text})             LENGTH(NULL), LENGTH(''), LENGTH('abc'), (SELECT LENGTH(c0) FROM (SELECT 'abc' AS c0) v), …
 */
export function readCases(dialect: Dialect): readonly string[] {
  return [...readCaseFiles(dialect).values()].flat();
}

/** By the name of their file: what every dialect has, then one file for each subject. None stands in two. */
export function readCaseFiles(dialect: Dialect): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, readonly string[]>();
  const seen = new Set<string>();
  for (const file of caseFiles(dialect)) {
    const expressions = readFile(file).filter((text) => !seen.has(text));
    for (const text of expressions) seen.add(text);
    files.set(file, expressions);
  }
  return files;
}

function caseFiles(dialect: Dialect): readonly string[] {
  const all = readdirSync(new URL('cases/', import.meta.url)).sort();
  return [`${dialect}.txt`, ...all.filter((name) => name.startsWith(`${dialect}-`))];
}

function readFile(file: string): readonly string[] {
  const pools = new Map<string, readonly string[]>();
  const expressions = new Set<string>();
  for (const line of readFileSync(new URL(`cases/${file}`, import.meta.url), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, values] = /^@(\w+) (.*)$/.exec(line) ?? [];
    if (name !== undefined && values !== undefined) pools.set(name, values.split(' | '));
    else for (const text of expand(line, pools)) expressions.add(text);
  }
  return [...expressions];
}

function expand(template: string, pools: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const used = [...template.matchAll(/\{([a-z]\w*)\}/g)].map(([, name = '']) => {
    const pool = pools.get(name);
    if (!pool) throw new Error(`the template ${template} names the pool ${name}, which does not exist`);
    return pool;
  });
  const product = used.reduce((count, pool) => count * pool.length, 1);
  const choices = (max: number) => {
    const count = Math.min(product, max);
    return Array.from({ length: count }, (_, index) =>
      choose(used, product > count ? (index * stride) % product : index),
    );
  };
  const hasColumns = used.length > 0 && !template.startsWith('(SELECT');
  return [
    ...choices(expressionsPerTemplateMax).map((values) => fill(template, values)),
    ...(hasColumns ? choices(columnFormsPerTemplateMax).map((values) => overColumns(template, values)) : []),
  ];
}

/** The nth choice of one value from each pool, the first pool turning fastest. */
function choose(pools: readonly (readonly string[])[], choice: number): readonly string[] {
  let rest = choice;
  return pools.map((pool) => {
    const value = pool[rest % pool.length] ?? '';
    rest = Math.floor(rest / pool.length);
    return value;
  });
}

function fill(template: string, values: readonly string[]): string {
  let place = 0;
  return template.replaceAll(/\{[a-z]\w*\}/g, () => {
    place += 1;
    return values[place - 1] ?? '';
  });
}

function overColumns(template: string, values: readonly string[]): string {
  const names = values.map((_, index) => `c${index}`);
  const columns = values.map((value, index) => `${value} AS ${names[index]}`);
  return `(SELECT ${fill(template, names)} FROM (SELECT ${columns.join(', ')}) v)`;
}
