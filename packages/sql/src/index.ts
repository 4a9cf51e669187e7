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
