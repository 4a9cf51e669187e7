-- PostgreSQL's own words. The line after = is DuckDB for the same meaning.
@ postgresql
SELECT "order_id" FROM "sales" WHERE note = 'first'
= SELECT order_id FROM sales WHERE note = 'first'

SELECT 7 / 2 AS a, -7 / 2 AS b, 7 % 2 AS c, 7.0 / 2 AS d, 7 / 2.0 AS e
= SELECT 3, -3, 1, 3.5, 3.5

SELECT sum(quantity) / count(*) AS a FROM sales
= SELECT sum(quantity) // count(*) FROM sales

SELECT quantity / 2 AS q, amount / 2 AS h FROM sales
= SELECT quantity // 2, amount / 2 FROM sales

SELECT 'a' || 'b' || 1 AS s, 'x' || null AS n
= SELECT 'ab1', null

SELECT concat('a', null, 'b') AS s
= SELECT 'ab'

SELECT order_id FROM sales ORDER BY amount, order_id
= SELECT order_id FROM sales ORDER BY amount ASC NULLS LAST, order_id

SELECT order_id FROM sales ORDER BY amount DESC, order_id
= SELECT order_id FROM sales ORDER BY amount DESC NULLS FIRST, order_id

SELECT order_id FROM sales ORDER BY amount DESC NULLS LAST, order_id
= SELECT order_id FROM sales ORDER BY amount DESC NULLS LAST, order_id

SELECT amount::int AS i, quantity::text AS t, '2024-01-01'::date AS d, price::numeric(10,1) AS n FROM sales
= SELECT amount::int, quantity::varchar, date '2024-01-01', price::decimal(10,1) FROM sales

SELECT order_id FROM sales WHERE note ILIKE 'FIRST' AND note NOT ILIKE 'x%'
= SELECT order_id FROM sales WHERE lower(note) = 'first'

SELECT order_id FROM sales WHERE note ~ '^f' OR note ~* '^IT' OR note !~ '[a-z]'
= SELECT order_id FROM sales WHERE regexp_matches(note, '^f') OR regexp_matches(note, '^it', 'i') OR NOT regexp_matches(note, '[a-z]')

SELECT to_char(order_date, 'YYYY-MM-DD HH24:MI:SS') AS f FROM sales
= SELECT strftime(order_date, '%Y-%m-%d %H:%M:%S') FROM sales

SELECT to_date('2024/02/15', 'YYYY/MM/DD') AS d, to_timestamp('15.02.2024 10', 'DD.MM.YYYY HH24') AS t, to_timestamp(86400) AS e
= SELECT date '2024-02-15', timestamp '2024-02-15 10:00:00', timestamp '1970-01-02'

SELECT date_trunc('month', order_date) AS m, count(*) AS n FROM sales GROUP BY date_trunc('month', order_date)
= SELECT date_trunc('month', order_date), count(*) FROM sales GROUP BY 1

SELECT date_trunc('year', day) AS y FROM sales
= SELECT date_trunc('year', day::timestamp) FROM sales

SELECT date_part('year', day) AS y, extract(dow FROM day) AS w, extract(isodow FROM day) AS i, extract(doy FROM day) AS n, extract(epoch FROM order_date) AS e FROM sales
= SELECT year(day), dayofweek(day), isodow(day), dayofyear(day), epoch(order_date) FROM sales

SELECT extract(second FROM order_date) AS s FROM sales WHERE order_id = 2
= SELECT 0.5

SELECT day + 1 AS a, day - 7 AS b, day - DATE '2024-01-01' AS c, order_date + interval '1 day 2 hours' AS d, day + interval '1 month' AS e FROM sales
= SELECT day + 1, day - 7, day - DATE '2024-01-01', order_date + interval 26 hour, day + interval 1 month FROM sales

SELECT order_date - interval '30 minutes' AS a FROM sales
= SELECT order_date - interval 30 minute FROM sales

SELECT string_agg(DISTINCT customer_id, ',' ORDER BY customer_id) AS s FROM sales
= SELECT 'C1,C2,C3,C4'

SELECT array_agg(order_id ORDER BY order_id) AS a FROM sales WHERE customer_id = 'C1'
= SELECT [1, 3, 8]

SELECT DISTINCT ON (customer_id) customer_id, order_id FROM sales ORDER BY customer_id, order_id DESC
= SELECT DISTINCT ON (customer_id) customer_id, order_id FROM sales ORDER BY customer_id, order_id DESC

SELECT u.x FROM unnest(ARRAY[3, 1, 2]) AS u(x) ORDER BY u.x
= SELECT unnest([1, 2, 3])

SELECT u.x, u.n FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS u(x, n)
= SELECT * FROM (VALUES ('a', 1), ('b', 2))

SELECT doc->'title' AS t, doc->>'year' AS y, doc#>>'{rating,imdb}' AS r FROM movies
= SELECT doc->'title', doc->>'year', doc->'rating'->>'imdb' FROM movies

SELECT length('żółć') AS c, octet_length('żółć') AS b, char_length('abc') AS d
= SELECT 4, 8, 3

SELECT substring('hello' from 2 for 3) AS a, substr('hello', -1, 4) AS b, substring('hello', 0) AS c
= SELECT 'ell', 'he', 'hello'

SELECT position('l' in 'hello') AS a, strpos('hello', 'o') AS b, split_part('a,b,c', ',', 2) AS c, btrim('xxaxx', 'x') AS d, trim(leading 'x' from 'xxa') AS e
= SELECT 3, 5, 'b', 'a', 'a'

SELECT regexp_replace('a1b2', '[0-9]', '_') AS a, regexp_replace('a1b2', '[0-9]', '_', 'g') AS b
= SELECT 'a_b2', 'a_b_'

SELECT log(100) AS a, log(2, 8) AS b, ln(1) AS c, 2 ^ 3 AS d, trunc(1.789, 2) AS e
= SELECT 2, 3, 0, 8, 1.78

SELECT stddev(amount) AS a, variance(amount) AS b FROM sales
= SELECT stddev_samp(amount), var_samp(amount) FROM sales

SELECT bool_and(active) AS a, bool_or(active) AS o, every(active) AS e FROM sales
= SELECT bool_and(active), bool_or(active), bool_and(active) FROM sales

SELECT order_id FROM sales WHERE amount IS NOT DISTINCT FROM NULL
= SELECT order_id FROM sales WHERE amount IS NULL

SELECT E'a\nb' AS n, $$it's$$ AS d
= SELECT E'a\nb', 'it''s'

SELECT order_id FROM sales FETCH FIRST 3 ROWS ONLY
= SELECT order_id FROM sales LIMIT 3

SELECT n FROM generate_series(2, 10, 4) AS n
= SELECT * FROM (VALUES (2), (6), (10))

SELECT a, b FROM (SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4) AS t WHERE (a, b) = (3, 4)
= SELECT 3, 4

SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY quantity DESC) AS p, mode() WITHIN GROUP (ORDER BY customer_id) AS m FROM sales
= SELECT quantile_disc(quantity, 0.5), 'C1' FROM sales

SELECT FROM_days.x FROM (SELECT 1 AS x) AS from_days
= SELECT 1

SELECT coalesce(note, 'none') COLLATE "C" AS n FROM sales
= SELECT coalesce(note, 'none') FROM sales

SELECT order_id FROM sales WHERE note LIKE '50\%%'
= SELECT 3

SELECT sum(quantity) OVER w AS s FROM sales WINDOW w AS (ORDER BY order_id ROWS 2 PRECEDING)
= SELECT sum(quantity) OVER (ORDER BY order_id ROWS 2 PRECEDING) FROM sales

SELECT order_id, quantity FROM sales WHERE order_id = ANY (ARRAY[1, 3])
= SELECT order_id, quantity FROM sales WHERE order_id IN (1, 3)

SELECT * FROM sales JOIN customers USING (customer_id)
= SELECT s.customer_id, s.* EXCLUDE (customer_id), c.* EXCLUDE (customer_id) FROM sales s JOIN customers c ON s.customer_id = c.customer_id

SELECT * FROM (SELECT 1 AS a, 2 AS b, 3 AS c) x NATURAL JOIN (SELECT 3 AS c, 2 AS b, 4 AS d) y
= SELECT 2 AS b, 3 AS c, 1 AS a, 4 AS d

SELECT * FROM (SELECT 1 AS a, 2 AS b) x JOIN (SELECT 1 AS a, 3 AS c) y USING (a) JOIN (SELECT 3 AS c, 4 AS d) z USING (c)
= SELECT 3, 1, 2, 4

SELECT order_id FROM sales WHERE (quantity, order_id) > (3, 1) ORDER BY order_id
= SELECT order_id FROM sales WHERE quantity > 3 OR (quantity = 3 AND order_id > 1) ORDER BY order_id

SELECT order_id FROM sales WHERE (day, order_id) >= ('2024-02-29', 5) ORDER BY order_id
= SELECT order_id FROM sales WHERE day > '2024-02-29' OR (day = '2024-02-29' AND order_id >= 5) ORDER BY order_id

SELECT (1, NULL) = (1, 2), (1, NULL) = (2, NULL), (1, NULL) <> (2, NULL), (1, NULL) IS NOT DISTINCT FROM (1, NULL)
= SELECT null, false, true, true

SELECT order_id FROM sales WHERE (customer_id, quantity) IN (('C1', 3), ('C2', NULL)) ORDER BY order_id
= SELECT order_id FROM sales WHERE order_id IN (1, 8) ORDER BY order_id

SELECT order_id FROM sales WHERE (customer_id, quantity) NOT IN (('C1', 3), ('C2', NULL)) ORDER BY order_id
= SELECT order_id FROM sales WHERE order_id IN (3, 4, 7) ORDER BY order_id

SELECT order_id, (customer_id, quantity) NOT IN (SELECT customer_id, quantity FROM sales WHERE order_id > 4) AS apart FROM sales ORDER BY order_id
= SELECT * FROM (VALUES (1, false), (2, NULL), (3, true), (4, true), (5, NULL), (6, NULL), (7, false), (8, false)) ORDER BY ALL

SELECT order_id FROM sales WHERE NOT (customer_id, quantity) IN (SELECT customer_id, quantity FROM sales WHERE order_id > 4) ORDER BY order_id
= SELECT * FROM (VALUES (3), (4)) ORDER BY ALL

SELECT count(DISTINCT (customer_id, active)) AS n FROM sales
= SELECT count(*) FROM (SELECT DISTINCT customer_id, active FROM sales)

SELECT round(2.5) AS a, round(2.5::float8) AS b, round(3.5::float8) AS c, round(0.125, 2) AS d
= SELECT 3, 2, 4, 0.13

SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY price) AS p FROM sales
= SELECT quantile_cont(price::double, 0.25) FROM sales

SELECT order_id FROM sales WHERE customer_id NOT IN (SELECT customer_id FROM sales WHERE order_id > 5)
= SELECT order_id FROM sales WHERE false

SELECT c.name, l.order_id FROM customers c LEFT JOIN LATERAL (SELECT order_id FROM sales s WHERE s.customer_id = c.customer_id ORDER BY order_id LIMIT 1) l ON true ORDER BY c.name
= SELECT * FROM (VALUES ('Ada', 1), ('Bob', 2), ('Cyd', 4), ('Zoe', NULL)) ORDER BY ALL

SELECT region, name, count(*) AS n, grouping(region, name) AS g FROM customers GROUP BY GROUPING SETS ((region), (name), ())
= SELECT region, name, count(*), grouping(region, name) FROM customers GROUP BY GROUPING SETS ((region), (name), ())

SELECT order_id, sum(quantity) OVER (ORDER BY day RANGE BETWEEN INTERVAL '40 days' PRECEDING AND CURRENT ROW) AS s FROM sales
= SELECT order_id, sum(quantity) OVER (ORDER BY day RANGE BETWEEN INTERVAL 40 DAY PRECEDING AND CURRENT ROW) FROM sales

SELECT order_id, sum(quantity) OVER (ORDER BY order_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS s FROM sales
= SELECT order_id, sum(quantity) OVER (ORDER BY order_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM sales

WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT (n * 2) % 7 FROM t) SELECT n FROM t ORDER BY n
= SELECT * FROM (VALUES (1), (2), (4)) ORDER BY ALL

WITH a AS (SELECT 1 AS x) SELECT x, (WITH a AS (SELECT 2 AS x) SELECT x FROM a) AS y FROM a
= SELECT 1, 2

SELECT 0.5::float8::int AS a, 1.5::float8::int AS b, 2.5::float8::int AS c, 2.5::int AS d, 3.5::int AS e
= SELECT 0, 2, 2, 3, 4
