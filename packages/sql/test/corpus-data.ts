import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { LogicalPlan } from '@hybridstore/contracts';
import { type PlanSchemas, type PrintedQuery, printDuckdb } from '@hybridstore/plan';

/** The sources of the corpus: columns as the catalog has them, rows as DuckDB reads them. */
export const corpusSchemas: PlanSchemas = new Map(
  Object.entries({
    sales:
      'order_id bigint, customer_id string, amount double, price decimal(10,2), quantity integer, order_date timestamp, day date, active boolean, note string',
    customers: 'customer_id string, name string, region string, credit integer',
    movies: 'doc json',
    events: 'id bigint, ts timestamp, kind string, payload json',
    empty_source: 'a integer, b string',
  }).map(([source, columns]) => [
    source,
    {
      columns: columns
        .split(/, (?=\w+ )/)
        .map((column) => ({ name: column.split(' ')[0] ?? '', type: column.split(' ')[1] ?? '' })),
    },
  ]),
);

const setup = `
create table sales(order_id bigint, customer_id varchar, amount double, price decimal(10,2), quantity integer, order_date timestamp, day date, active boolean, note varchar);
insert into sales values
 (1,'C1',10.5,1.25,3,'2024-01-01 08:30:00','2024-01-01',true,'first'),
 (2,'C2',20.0,2.50,5,'2024-01-15 12:00:00.5','2024-01-15',false,null),
 (3,'C1',7.25,3.75,2,'2024-02-01 23:59:59','2024-02-01',true,'50% off'),
 (4,'C3',null,9.99,1,'2024-02-29 00:00:00','2024-02-29',null,'a_b'),
 (5,'C2',5.0,0.01,null,'2024-03-10 10:10:10','2024-03-10',true,'It''s'),
 (6,null,100.0,99.90,7,'2024-12-31 18:45:00','2024-12-31',false,'żółć'),
 (7,'C4',-3.5,1.00,4,'2023-12-31 01:02:03','2023-12-31',true,'First'),
 (8,'C1',10.5,1.25,3,'2024-01-01 08:30:00','2024-01-01',true,'x,y,z');
create table customers(customer_id varchar, name varchar, region varchar, credit integer);
insert into customers values ('C1','Ada','north',10),('C2','Bob','south',20),('C3','Cyd','north',null),('C9','Zoe','west',5);
create table movies(doc json);
insert into movies values ('{"title":"Alien","year":1979,"rating":{"imdb":8.5},"tags":["horror","space"],"gross":"104931801"}'),
 ('{"title":"Up","year":2009,"rating":{"imdb":8.2},"tags":["family"],"gross":null}'),
 ('{"title":1917,"year":2019,"rating":{"imdb":"8.3"},"tags":[]}'),('{"title":"Heat","year":1995,"rating":{"imdb":8.3}}');
create table events(id bigint, ts timestamp, kind varchar, payload json);
insert into events values (1,'2024-01-01 00:00:00','click','{"x":1,"user":{"id":"u1"}}'),(2,'2024-01-01 00:00:10','view','{"x":2,"user":{"id":"u2"}}'),
 (3,'2024-01-01 00:01:00','click','{"x":10,"user":{"id":"u1"}}'),(4,'2024-01-01 00:05:00','buy',null);
create table empty_source(a integer, b varchar);`;

export async function openCorpus(): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  await connection.run(setup);
  await connection.run("set TimeZone = 'UTC'");
  return connection;
}

export type Answer = { readonly columns: readonly string[]; readonly rows: readonly unknown[][] };

export async function runText(connection: DuckDBConnection, sql: string): Promise<Answer> {
  const reader = await connection.runAndReadAll(sql);
  return { columns: reader.columnNames(), rows: reader.getRowsJson() };
}

export async function runPlan(connection: DuckDBConnection, plan: LogicalPlan): Promise<Answer> {
  return runPrinted(connection, printDuckdb(plan));
}

export async function runPrinted(connection: DuckDBConnection, { sql, parameters }: PrintedQuery): Promise<Answer> {
  const prepared = await connection.prepare(sql);
  for (const [index, { value }] of parameters.entries()) {
    if (value === null) prepared.bindNull(index + 1);
    else if (typeof value === 'boolean') prepared.bindBoolean(index + 1, value);
    else prepared.bindVarchar(index + 1, String(value));
  }
  const reader = await prepared.runAndReadAll();
  return { columns: reader.columnNames(), rows: reader.getRowsJson() };
}

/** Values as text with numbers rounded to 12 digits, rows sorted unless the statement orders them. */
export function comparable(answer: Answer, isOrdered: boolean): readonly string[] {
  const rows = answer.rows.map((row) => JSON.stringify(row.map(normal)));
  return isOrdered ? rows : rows.sort();
}

function normal(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)))
    return Number(Number(value).toPrecision(12));
  if (Array.isArray(value)) return value.map(normal);
  return value;
}
