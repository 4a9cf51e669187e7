import { type Dialect, dialects } from '@hybridstore/contracts';

type Sample = { readonly dialect: Dialect; readonly sql: string };

const of = (dialect: Dialect, ...list: readonly string[]): readonly Sample[] => list.map((sql) => ({ dialect, sql }));
const everywhere = (...list: readonly string[]): readonly Sample[] =>
  dialects.flatMap((dialect) => of(dialect, ...list));
const calls = (...list: readonly string[]): string => `SELECT ${list.join(', ')} FROM sales`;

/** Statements that show nodes which the corpus does not, and clauses in places where it has none. */
export const samples: readonly Sample[] = [
  ...everywhere(
    calls('acos(0.5)', 'asin(0.5)', 'atan(1)', 'cos(1)', 'sin(1)', 'tan(1)', 'degrees(1)', 'radians(1)', 'pi()'),
    calls('reverse(note)', 'ltrim(note)', 'rtrim(note)', 'ascii(note)', 'sign(amount)', 'sqrt(quantity)'),
    calls('nullif(quantity, 1)', 'greatest(quantity, 1)', 'least(quantity, 1)'),
    calls('any_value(note)', 'var_samp(amount)'),
    calls('quantity <= 1', 'quantity >> 1', 'NULL', '$1', '(quantity)'),
    calls('row_number() OVER (ORDER BY order_id)', 'nth_value(amount, 2) OVER (ORDER BY order_id)'),
    calls('sum(amount) OVER (ORDER BY order_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)'),
    'SELECT sum(amount) OVER w FROM sales WINDOW w AS (PARTITION BY customer_id ORDER BY day)',
    'SELECT order_id /* a comment */ FROM sales -- another\nWHERE amount > 1',
    "SELECT trim(LEADING 'x' FROM note), trim(note) FROM sales",
    'SELECT order_id FROM sales LIMIT 2 OFFSET 1',
    'WITH c (a) AS (SELECT order_id FROM sales) SELECT a FROM c UNION SELECT 1 ORDER BY 1 LIMIT 3',
    'SELECT s.order_id FROM (sales s INNER JOIN customers c ON s.customer_id = c.customer_id), movies',
    'SELECT order_id FROM sales LEFT OUTER JOIN customers USING (customer_id), events',
    'SELECT CASE quantity WHEN 1 THEN 2 ELSE 3 END FROM sales',
  ),
  ...of(
    'mysql',
    "SELECT a FROM movies, JSON_TABLE(doc, '$[*].b' COLUMNS (n FOR ORDINALITY, a INT PATH '$.a')) AS j",
    "SELECT a FROM JSON_TABLE('{}', '$.b' COLUMNS (a TEXT PATH '$.a')) AS j",
    calls('year(day)', 'day(day)', 'dayofmonth(day)', 'hour(order_date)', 'minute(order_date)', 'second(order_date)'),
    calls(
      'date(order_date)',
      'time(order_date)',
      'weekofyear(day)',
      'ifnull(note, 1)',
      'rand()',
      'bit_count(quantity)',
    ),
    calls('json_array(1, 2)', "json_keys('{}')", 'atan2(1, 2)'),
    "SELECT json_value(doc, '$.a'), json_extract(doc, '$.a') FROM movies",
    calls('json_arrayagg(quantity)', 'bit_xor(quantity)'),
    calls('json_objectagg(customer_id, quantity)'),
    calls("date_format(day, '%Y')", 'note COLLATE utf8mb4_bin', 'NOT (quantity <=> 1)', 'CAST(note AS CHAR(3))'),
  ),
  ...of(
    'postgresql',
    calls('chr(65)', "starts_with(note, 'a')", 'cbrt(8)', 'atan2(1, 2)', 'random()', 'quantity IS DISTINCT FROM 1'),
    calls('count(*) FILTER (WHERE amount > 1)', "string_agg(note, ',' ORDER BY note)"),
    calls('(ARRAY[1, 2])[1]', 'CAST(note AS varchar(3))', 'array_length(ARRAY[1], 1)', 'cardinality(ARRAY[1])'),
    calls("array_to_string(ARRAY['a'], ',')", 'array_append(ARRAY[1], 2)', 'array_prepend(1, ARRAY[2])'),
    calls('array_position(ARRAY[1], 1)', 'CAST(NULL AS decimal(5, 2))'),
    "SELECT to_json(doc), json_array_length(doc->'tags'), doc #> '{a,b}', doc #>> '{a,b}' FROM movies",
    `SELECT doc::jsonb @> '{"a": 1}', '[1]' <@ doc::jsonb FROM movies`,
    "SELECT note SIMILAR TO 'a%' ESCAPE '!', overlay(note PLACING 'x' FROM 1 FOR 2) FROM sales",
    'SELECT order_id FROM sales FETCH FIRST 2 ROWS ONLY',
    'SELECT mode() WITHIN GROUP (ORDER BY amount) FROM sales',
  ),
  ...of(
    'duckdb',
    calls('levenshtein(note, note)', "contains(note, 'a')", "ends_with(note, 'a')", 'unicode(note)', 'chr(65)'),
    calls('isnan(amount)', 'isinf(amount)', 'epoch_ms(order_date)', 'typeof(note)', 'ifnull(note, note)', 'cbrt(8)'),
    calls('approx_count_distinct(note)', 'first(note)', 'last(note)', 'skewness(amount)', 'bit_xor(quantity)'),
    calls('list_append([1], 2)', 'list_contains([1], 2)', 'list_distinct([1])', 'list_position([1], 1)', '[1, 2][1]'),
    calls('list_reverse([1])', 'array_length([1])', "array_to_string(['a'], ',')", 'list_prepend(1, [2])'),
    calls("map_keys(map(['a'], [1]))", "map_values(map(['a'], [1]))", "element_at(map(['a'], [1]), 'a')"),
    calls("{'a': 1}", 'array_contains([1], 1)', 'array_append([1], 1)', 'array_distinct([1])', 'array_reverse([1])'),
    calls('count(*) FILTER (WHERE amount > 1)', "string_agg(note, ',')", "listagg(note, ',')"),
    calls('TRY_CAST(note AS INT)'),
    'SELECT json_keys(doc), json_type(doc), json_array_length(doc), json_array(1) FROM movies',
    'SELECT * EXCLUDE (note) REPLACE (1 AS amount) FROM sales ORDER BY ALL',
    'SELECT order_id FROM sales QUALIFY row_number() OVER (ORDER BY order_id) = 1',
    'SELECT u FROM (SELECT 1) AS s(a), unnest([1]) AS t(u)',
  ),
];
