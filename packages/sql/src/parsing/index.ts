export { locateSql, type ParsedSql, parseSql } from './parse-sql.ts';
