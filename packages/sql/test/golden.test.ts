import { describe, it } from 'node:test';
import {
  type Dialect,
  type DslQuery,
  dialects,
  isHybridStoreError,
  type ParameterScalar,
} from '@hybridstore/contracts';
import { printTree } from '@hybridstore/plan';
import { runGoldenScript } from '@hybridstore/test-kit';
import { compileDsl } from '../src/dsl/compile-dsl.ts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { corpusSchemas } from './corpus-data.ts';

const script = (name: string) => new URL(`golden/${name}.txt`, import.meta.url);

/** A statement of one dialect and, in a last line, its parameters; the sources are those of the corpus. */
function showBound(command: string, dialect: Dialect): string[] {
  const [, text = '', list = '[]'] = /^(.*?)(?:\nparameters (.*))?$/s.exec(command) ?? [];
  const parameters = JSON.parse(list) as ParameterScalar[]; // a script holds nothing else
  const { plan, columns, crossCheck } = parseSql(text, corpusSchemas, { dialect, isStrict: true }, parameters);
  const outputs = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  const check = crossCheck === 'agreed' ? [] : [`cross-check: ${crossCheck}`];
  return [`columns: ${outputs}`, ...printTree(plan).split('\n'), ...check];
}

function showCompiled(command: string): string[] {
  const query = JSON.parse(command) as DslQuery; // a script holds nothing else
  return printTree(compileDsl(query, corpusSchemas)).split('\n');
}

/** What a step prints, or its refusal with what was expected and the nearest name. */
function orRefusal(show: () => string[]): string[] {
  try {
    return show();
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    const { expected, nearest } = error.details;
    const hints = Object.entries({ expected, nearest }).filter(([, value]) => value !== undefined);
    return [
      `${error.code}: ${error.message}`,
      ...hints.map(([name, value]) => `  ${name} ${JSON.stringify(value).slice(0, 160)}`),
    ];
  }
}

describe('golden scripts of the binder', () => {
  for (const dialect of dialects)
    it(`show what a statement of ${dialect} means`, () =>
      runGoldenScript(script(dialect), (command) => orRefusal(() => showBound(command, dialect))));

  it('show what a query of the DSL means', () =>
    runGoldenScript(script('dsl'), (command) => orRefusal(() => showCompiled(command))));
});
