export { compileAggregate, compileDsl, compileSearch, type DslOptions } from './compile-dsl.ts';
