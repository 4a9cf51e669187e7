/**
 * Queries of the real data, with the same query for DuckDB over the package's own files. `flights_file` and
 * `movies_file` are views of the files; `flights` and `movies` are the platform's sources. Every order is total, so that
 * the answer is one also over a part of the rows.
 */
export type ComparedQuery = {
  readonly name: string;
  readonly ask:
    | {
        readonly sql: string;
        readonly dialect?: 'mysql' | 'postgresql' | 'duckdb';
        readonly parameters?: readonly (string | number | boolean | null)[];
      }
    | { readonly dsl: object };
  /** DuckDB SQL over the files. Columns in the same order. */
  readonly reference: string;
};

export const comparedQueries: readonly ComparedQuery[] = [
  { name: 'count', ask: { sql: 'SELECT COUNT(*) AS n FROM flights' }, reference: 'select count(*) from flights_file' },
  {
    name: 'sums, means and extremes',
    ask: { sql: 'SELECT SUM(delay) AS d, AVG(distance) AS a, MIN(delay) AS lo, MAX(delay) AS hi FROM flights' },
    reference: 'select sum(delay), cast(avg(distance) as decimal(38,4)), min(delay), max(delay) from flights_file',
  },
  {
    name: 'filter and group by',
    ask: {
      sql: 'SELECT distance, COUNT(*) AS n FROM flights WHERE delay > 60 GROUP BY distance HAVING COUNT(*) > 50 ORDER BY n DESC, distance LIMIT 20',
    },
    reference:
      'select distance, count(*) n from flights_file where delay > 60 group by distance having n > 50 order by n desc, distance limit 20',
  },
  {
    name: 'histogram by expression',
    ask: {
      sql: 'SELECT FLOOR(time) AS hour_of_day, COUNT(*) AS n, AVG(delay) AS mean_delay FROM flights GROUP BY FLOOR(time) ORDER BY hour_of_day',
      dialect: 'postgresql',
    },
    reference: 'select floor(time) h, count(*), avg(delay) from flights_file group by h order by h',
  },
  {
    name: 'case and conditional sums',
    ask: {
      sql: "SELECT CASE WHEN delay > 15 THEN 'late' WHEN delay < 0 THEN 'early' ELSE 'on time' END AS state, COUNT(*) AS n FROM flights GROUP BY 1 ORDER BY 1",
      dialect: 'postgresql',
    },
    reference:
      "select case when delay > 15 then 'late' when delay < 0 then 'early' else 'on time' end s, count(*) from flights_file group by s order by s",
  },
  {
    name: 'window rank within groups',
    ask: {
      sql: 'SELECT distance, delay, rk FROM (SELECT distance, delay, ROW_NUMBER() OVER (PARTITION BY distance ORDER BY delay DESC, time) AS rk FROM flights WHERE distance > 2500) AS ranked WHERE rk <= 2 ORDER BY distance, rk LIMIT 40',
    },
    reference:
      'select distance, delay, rk from (select distance, delay, row_number() over (partition by distance order by delay desc, time) rk from flights_file where distance > 2500) where rk <= 2 order by distance, rk limit 40',
  },
  {
    name: 'running sum with a frame',
    ask: {
      sql: 'WITH hours AS (SELECT FLOOR(time) AS h, COUNT(*) AS n FROM flights GROUP BY FLOOR(time)) SELECT h, SUM(n) OVER (ORDER BY h ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving FROM hours ORDER BY h',
      dialect: 'postgresql',
    },
    reference:
      'with hours as (select floor(time) h, count(*) n from flights_file group by h) select h, sum(n) over (order by h rows between 2 preceding and current row) from hours order by h',
  },
  {
    name: 'self join over groups',
    ask: {
      sql: 'WITH far AS (SELECT distance, COUNT(*) AS n FROM flights WHERE delay > 120 GROUP BY distance), every AS (SELECT distance, COUNT(*) AS n FROM flights GROUP BY distance) SELECT e.distance, e.n, COALESCE(f.n, 0) AS very_late FROM every e LEFT JOIN far f ON e.distance = f.distance ORDER BY very_late DESC, e.distance LIMIT 25',
    },
    reference:
      'with far as (select distance, count(*) n from flights_file where delay > 120 group by distance), every as (select distance, count(*) n from flights_file group by distance) select e.distance, e.n, coalesce(f.n, 0) v from every e left join far f on e.distance = f.distance order by v desc, e.distance limit 25',
  },
  {
    name: 'recursion',
    ask: {
      sql: 'WITH RECURSIVE steps(d) AS (SELECT 0 UNION ALL SELECT d + 500 FROM steps WHERE d < 2000) SELECT s.d, COUNT(f.delay) AS n FROM steps s LEFT JOIN flights f ON f.distance >= s.d AND f.distance < s.d + 500 GROUP BY s.d ORDER BY s.d',
    },
    reference:
      'with recursive steps(d) as (select 0 union all select d + 500 from steps where d < 2000) select s.d, count(f.delay) from steps s left join flights_file f on f.distance >= s.d and f.distance < s.d + 500 group by s.d order by s.d',
  },
  {
    name: 'set operations',
    ask: {
      sql: '(SELECT distance FROM flights WHERE delay > 300 INTERSECT SELECT distance FROM flights WHERE delay < -30) EXCEPT SELECT distance FROM flights WHERE distance < 300 ORDER BY distance',
      dialect: 'postgresql',
    },
    reference:
      '(select distance from flights_file where delay > 300 intersect select distance from flights_file where delay < -30) except select distance from flights_file where distance < 300 order by distance',
  },
  {
    name: 'scalar subquery and exists',
    ask: {
      sql: 'SELECT COUNT(*) AS n FROM flights f WHERE delay > (SELECT AVG(delay) FROM flights) AND EXISTS (SELECT 1 FROM flights g WHERE g.distance = f.distance AND g.delay > 500)',
    },
    reference:
      'select count(*) from flights_file f where delay > (select avg(delay) from flights_file) and exists (select 1 from flights_file g where g.distance = f.distance and g.delay > 500)',
  },
  {
    name: 'parameters',
    ask: {
      sql: 'SELECT COUNT(*) AS n FROM flights WHERE delay BETWEEN ? AND ? AND distance <> ?',
      parameters: [10, 20, 500],
    },
    reference: 'select count(*) from flights_file where delay between 10 and 20 and distance <> 500',
  },
  {
    name: 'distinct count and median',
    ask: {
      sql: 'SELECT COUNT(DISTINCT distance) AS d, MEDIAN(delay) AS m, QUANTILE_CONT(delay, 0.9) AS p FROM flights',
      dialect: 'duckdb',
    },
    reference: 'select count(distinct distance), median(delay), quantile_cont(delay, 0.9) from flights_file',
  },
  {
    name: 'documents counted',
    ask: { sql: 'SELECT COUNT(*) AS n FROM movies' },
    reference: 'select count(*) from movies_file',
  },
  {
    name: 'group by a JSON path',
    ask: {
      sql: `SELECT doc->>'Major Genre' AS genre, COUNT(*) AS n FROM movies GROUP BY doc->>'Major Genre' ORDER BY n DESC, genre NULLS LAST`,
      dialect: 'duckdb',
    },
    reference: `select doc->>'Major Genre' g, count(*) n from movies_file group by g order by n desc, g nulls last`,
  },
  {
    name: 'numbers out of documents',
    ask: {
      sql: `SELECT doc->>'$.Director' AS director, SUM(CAST(doc->>'$."Worldwide Gross"' AS BIGINT)) AS gross FROM movies WHERE doc->>'$.Director' IS NOT NULL GROUP BY doc->>'$.Director' ORDER BY gross DESC NULLS LAST, director LIMIT 10`,
      dialect: 'duckdb',
    },
    reference: `select doc->>'$.Director' d, sum(cast(doc->>'$."Worldwide Gross"' as bigint)) g from movies_file where d is not null group by d order by g desc nulls last, d limit 10`,
  },
  {
    name: 'text out of irregular documents',
    ask: {
      sql: `SELECT json_extract_string(doc, '$.Title') AS title FROM movies WHERE CAST(json_extract_string(doc, '$."IMDB Rating"') AS DOUBLE) >= 9 ORDER BY title`,
      dialect: 'duckdb',
    },
    reference: `select json_extract_string(doc, '$.Title') t from movies_file where cast(json_extract_string(doc, '$."IMDB Rating"') as double) >= 9 order by t`,
  },
  {
    name: 'join of documents with rows',
    ask: {
      sql: `SELECT CAST(doc->>'$."Running Time min"' AS BIGINT) AS minutes, COUNT(DISTINCT f.distance) AS distances FROM movies m JOIN flights f ON f.delay = CAST(m.doc->>'$."Running Time min"' AS BIGINT) GROUP BY CAST(doc->>'$."Running Time min"' AS BIGINT) ORDER BY minutes LIMIT 15`,
      dialect: 'duckdb',
    },
    reference: `select cast(doc->>'$."Running Time min"' as bigint) m, count(distinct f.distance) from movies_file join flights_file f on f.delay = cast(doc->>'$."Running Time min"' as bigint) group by m order by m limit 15`,
  },
  {
    name: 'DSL filter',
    ask: {
      dsl: {
        query_type: 'filter',
        source: 'flights',
        conditions: [
          { field: 'delay', operator: 'gte', value: 600 },
          { field: 'distance', operator: 'lt', value: 1000 },
        ],
        columns: ['delay', 'distance'],
        order_by: [{ field: 'delay', direction: 'desc' }, { field: 'distance' }],
      },
    },
    reference:
      'select delay, distance from flights_file where delay >= 600 and distance < 1000 order by delay desc, distance',
  },
  {
    name: 'DSL aggregate',
    ask: {
      dsl: {
        query_type: 'aggregate',
        source: 'flights',
        group_by: ['distance'],
        conditions: [{ field: 'delay', operator: 'gt', value: 30 }],
        aggregations: [
          { function: 'sum', field: 'delay', alias: 'total' },
          { function: 'count', field: '*', alias: 'n' },
        ],
        order_by: [{ field: 'total', direction: 'desc' }, { field: 'distance' }],
        limit: 10,
      },
    },
    reference:
      'select distance, sum(delay) total, count(*) n from flights_file where delay > 30 group by distance order by total desc, distance limit 10',
  },
  {
    name: 'DSL over documents',
    ask: {
      dsl: {
        query_type: 'aggregate',
        source: 'movies',
        group_by: ['MPAA Rating'],
        aggregations: [{ function: 'count', field: '*', alias: 'n' }],
        order_by: [{ field: 'n', direction: 'desc' }, { field: 'MPAA Rating' }],
      },
    },
    reference: `select doc->>'MPAA Rating' r, count(*) n from movies_file group by r order by n desc, r`,
  },
];
