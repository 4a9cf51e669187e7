export { type ParsedSql, parseSql } from './parse-sql.ts';
