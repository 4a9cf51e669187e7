import { dialects } from '@hybridstore/contracts';
import { checkPlan, functionsCalled, optimizePlan, printDuckdb, printTree } from '@hybridstore/plan';
import { inField, serveThread } from '@hybridstore/runtime';
import { compileDsl } from '../dsl/compile-dsl.ts';
import { liftLiterals, readShape } from '../lifted-literals.ts';
import type {
  DslOutcome,
  DslTask,
  LocateOutcome,
  LocateTask,
  ParseOutcome,
  ParseTask,
  TransformOutcome,
  TransformTask,
} from '../ports.ts';
import { locateSql, parseSql } from './parse-sql.ts';
import type { Task } from './parser-pool.ts';

warmUp();
serveThread((task: Task) => {
  switch (task.kind) {
    case 'sql':
      return readSql(task.task);
    case 'locate':
      return locate(task.task);
    case 'dsl':
      return inField('query', () => compile(task.task));
    case 'transform':
      return inField('parsed_query', () => transform(task.task));
  }
});

/** The first statement of a thread takes twenty times the next one's time: it is none of a user's. */
function warmUp(): void {
  const schemas = new Map([['t', { columns: [{ name: 'a', type: 'bigint' }] }]]);
  for (const dialect of dialects)
    readSql({
      text: 'SELECT COUNT(*) AS n FROM t WHERE a > 1',
      dialect,
      schemas,
      parameters: [],
      isStrict: true,
      steps: [],
    });
}

function readSql({ text, schemas, parameters, steps, liftsLiterals, ...options }: ParseTask): ParseOutcome {
  const outcome = parseSql(text, schemas, options, parameters);
  const shape = liftsLiterals === true ? readShape(text, options.dialect) : undefined;
  // Before any rewrite: none of them may rest on a value that will be another one.
  const { plan, lifted } = shape
    ? liftLiterals(outcome.plan, shape, { query: text, dialect: options.dialect, schemas })
    : { plan: outcome.plan, lifted: [] };
  return { ...outcome, plan: optimizePlan(plan, steps).plan, lifted };
}

function locate({ text, schemas, parameters, failed, ...options }: LocateTask): LocateOutcome {
  const places = locateSql({ text, values: parameters, failed }, schemas, options);
  return places.map(({ line, column }) => ({ line, column }));
}

function compile({ query, schemas, options, steps }: DslTask): DslOutcome {
  const { plan } = optimizePlan(compileDsl(query, schemas, options), steps);
  return { plan, functions: functionsCalled(plan.query) };
}

function transform({ plan, schemas, steps }: TransformTask): TransformOutcome {
  checkPlan(plan, schemas);
  const improved = optimizePlan(plan, steps);
  return { ...improved, sql: printDuckdb(improved.plan).sql, tree: printTree(improved.plan) };
}
