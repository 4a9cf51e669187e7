/** Runs in a pod: every addon and every WebAssembly module of the images does a little of its work, and the answers are printed. */
import { DuckDBInstance } from '@duckdb/node-api';
import argon2 from '@node-rs/argon2';
import * as polyglot from '@polyglot-sql/sdk';
import bcrypt from 'bcrypt';

const connection = await (await DuckDBInstance.create(':memory:')).connect();
const sum = (await connection.runAndReadAll('SELECT sum(range)::INTEGER FROM range(5)')).getRows()[0][0];
const argon = await argon2.verify(await argon2.hash('secret'), 'secret');
const legacy = await bcrypt.compare('secret', await bcrypt.hash('secret', 4));
console.log(JSON.stringify([sum, argon, legacy, Object.keys(polyglot).length > 0]));
