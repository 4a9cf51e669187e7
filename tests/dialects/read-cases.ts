import { readFileSync } from 'node:fs';
import type { Dialect } from '@hybridstore/contracts';

/** Of one template; more are thinned out evenly, so that every value of a pool still stands somewhere. */
const expressionsPerTemplateMax = 60;
/** No divisor of a product of pools, so that steps of it come by every value. */
const stride = 7_919;

/**
 * The expressions of a dialect. A file of cases holds pools and templates; a template stands for all that its pools give:
 *
 *     @text NULL | '' | 'abc'
 *     LENGTH({text})             LENGTH(NULL), LENGTH(''), LENGTH('abc')
 */
export function readCases(dialect: Dialect): readonly string[] {
  const pools = new Map<string, readonly string[]>();
  const expressions = new Set<string>();
  for (const line of readFileSync(new URL(`cases/${dialect}.txt`, import.meta.url), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, values] = /^@(\w+) (.*)$/.exec(line) ?? [];
    if (name !== undefined && values !== undefined) pools.set(name, values.split(' | '));
    else for (const text of expand(line, pools)) expressions.add(text);
  }
  return [...expressions];
}

function expand(template: string, pools: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const used = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const pool = pools.get(name);
    if (!pool) throw new Error(`the template ${template} names the pool ${name}, which does not exist`);
    return pool;
  });
  const product = used.reduce((count, pool) => count * pool.length, 1);
  const count = Math.min(product, expressionsPerTemplateMax);
  return Array.from({ length: count }, (_, index) =>
    fill(template, used, product > count ? (index * stride) % product : index),
  );
}

function fill(template: string, pools: readonly (readonly string[])[], choice: number): string {
  let rest = choice;
  let place = 0;
  return template.replaceAll(/\{\w+\}/g, () => {
    const pool = pools[place] ?? [''];
    place += 1;
    const value = pool[rest % pool.length] ?? '';
    rest = Math.floor(rest / pool.length);
    return value;
  });
}
