import { DuckDBInstance } from '@duckdb/node-api';

/** 25 columns of a log of visits; the texts are those of a web shop. */
export const columns = Object.entries({
  id: 'bigint',
  user_id: 'bigint',
  session_id: 'bigint',
  counter_id: 'bigint',
  region_id: 'integer',
  os: 'integer',
  width: 'integer',
  height: 'integer',
  code: 'integer',
  weekday: 'integer',
  price: 'double',
  score: 'double',
  lon: 'double',
  lat: 'double',
  is_mobile: 'boolean',
  is_new: 'boolean',
  url: 'string',
  referer: 'string',
  city: 'string',
  lang: 'string',
  agent: 'string',
  phrase: 'string',
  event_time: 'timestamp',
  event_date: 'date',
  amount: 'decimal(12,2)',
}).map(([name, type]) => ({ name, type }));

export const formats = ['ndjson', 'csv', 'parquet'] as const;
export type LoadFormat = (typeof formats)[number];

const list = `
  i::bigint as id, (hash(i) % 9000000)::bigint as user_id, (hash(i * 7) >> 12)::bigint as session_id,
  (hash(i * 3) % 100000)::bigint as counter_id, (hash(i * 11) % 5000)::integer as region_id,
  (hash(i * 13) % 100)::integer as os, (hash(i * 17) % 2000)::integer as width, (hash(i * 19) % 1200)::integer as height,
  (hash(i * 23) % 65536)::integer as code, (hash(i * 29) % 7)::integer as weekday,
  round((hash(i * 31) % 1000000) / 100.0, 2)::double as price, ((hash(i * 37) % 1000000) / 777.0)::double as score,
  (hash(i * 41) % 180)::double + 0.25 as lon, (hash(i * 43) % 90)::double + 0.5 as lat,
  (hash(i * 47) % 3 = 0) as is_mobile, (hash(i * 53) % 2 = 0) as is_new,
  'https://example.com/shop/' || (hash(i * 59) % 50000)::varchar || '/item?ref=' || (hash(i * 61) % 1000)::varchar as url,
  case when hash(i * 67) % 3 <> 0 then 'https://search.example.org/q=' || (hash(i * 71) % 90000)::varchar end as referer,
  ['Amsterdam', 'Berlin', 'Chicago', 'Delhi', 'Edinburgh', 'Frankfurt'][1 + (hash(i * 73) % 6)::integer] as city,
  ['de', 'en', 'fr', 'nl', 'es'][1 + (hash(i * 79) % 5)::integer] as lang,
  'agent-' || (hash(i * 83) % 400)::varchar as agent,
  case when hash(i * 89) % 4 = 0 then 'a somewhat longer search phrase ' || (hash(i * 97) % 70000)::varchar else '' end as phrase,
  (timestamp '2024-01-01 00:00:00' + to_microseconds((i * 997331)::bigint))::timestamptz as event_time,
  (date '2024-01-01' + (hash(i * 101) % 365)::integer) as event_date,
  ((hash(i * 103) % 10000000) / 100.0)::decimal(12, 2) as amount`;
const written = `* replace (strftime(event_time, '%Y-%m-%dT%H:%M:%S.%fZ') as event_time)`;

/** Writes the same rows in every format; gives their paths. */
export async function writeFiles(folder: string, rows: number): Promise<Readonly<Record<LoadFormat, string>>> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    await connection.run("set timezone = 'UTC'");
    await connection.run(`create table visits as select ${list} from range(${rows}) r(i)`);
    const paths = {
      ndjson: `${folder}/visits.ndjson`,
      csv: `${folder}/visits.csv`,
      parquet: `${folder}/visits.parquet`,
    };
    await connection.run(`copy (select ${written} from visits) to '${paths.ndjson}' (format json)`);
    await connection.run(`copy (select ${written} from visits) to '${paths.csv}' (header)`);
    await connection.run(`copy visits to '${paths.parquet}' (format parquet)`);
    return paths;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
