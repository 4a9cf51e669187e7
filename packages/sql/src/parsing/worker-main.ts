import { serveThread } from '@hybridstore/runtime';
import type { ParseTask } from '../ports.ts';
import { parseSql } from './parse-sql.ts';

serveThread(({ text, schemas, parameters, ...options }: ParseTask) => parseSql(text, schemas, options, parameters));
