export { type ParameterValues, parameterType } from './bind/context.ts';
export { parameterValue, readParameters } from './bind/parameter-values.ts';
export { ParserPool } from './parsing/parser-pool.ts';
export type {
  DslOutcome,
  DslTask,
  LocateOutcome,
  LocateTask,
  ParseCall,
  ParseOutcome,
  ParseTask,
  SqlParser,
  TransformOutcome,
  TransformTask,
} from './ports.ts';
export { normalizeText, readTokens } from './syntax/lexer.ts';
