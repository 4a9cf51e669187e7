-- DuckDB's own words: each is compared with DuckDB itself.
@ duckdb
SELECT 7 / 2 AS a, 7 // 2 AS b, 2 ** 3 AS c, 7 % 4 AS d

SELECT * EXCLUDE (note, active) FROM sales

SELECT * REPLACE (upper(name) AS name) FROM customers

FROM customers SELECT name

FROM customers

SELECT customer_id, active, count(*) AS n FROM sales GROUP BY ALL

SELECT name, region FROM customers ORDER BY ALL

SELECT region, sum(credit) AS c FROM customers GROUP BY region ORDER BY c

SELECT amount * 2 AS twice FROM sales WHERE twice > 20

SELECT s.order_id FROM sales s SEMI JOIN customers c ON s.customer_id = c.customer_id

SELECT s.order_id FROM sales s ANTI JOIN customers c ON s.customer_id = c.customer_id

SELECT s.order_id, e.id FROM sales s ASOF JOIN events e ON s.order_date >= e.ts

SELECT list(order_id ORDER BY order_id) AS l FROM sales

SELECT [1, 2, 3] AS l, [1, 2, 3][2] AS x, len([1, 2]) AS n, list_contains([1, 2], 2) AS c

SELECT unnest([1, 2, 3]) AS x

SELECT u.x FROM unnest([10, 20]) AS u(x)

SELECT * FROM range(3) AS r(n)

SELECT {'a': 1, 'b': 'x'} AS s

SELECT s.a FROM (SELECT {'a': 1, 'b': 'x'} AS s)

SELECT arg_max(order_id, amount) AS a, max_by(customer_id, amount) AS b FROM sales

SELECT median(amount) AS m, quantile_cont(amount, 0.25) AS q, mode(customer_id) AS o FROM sales

SELECT approx_count_distinct(customer_id) > 0 AS a FROM sales

SELECT strftime(order_date, '%d.%m.%Y') AS f, strptime('2024-02-15', '%Y-%m-%d') AS p FROM sales

SELECT date_diff('day', DATE '2024-01-01', day) AS d, date_trunc('month', day) AS m FROM sales

SELECT order_date + INTERVAL 3 DAY AS a, order_date - INTERVAL '2 hours' AS b FROM sales

SELECT regexp_matches(note, 'f.*t') AS a, regexp_extract(note, '[a-z]+') AS b FROM sales

SELECT string_split('a,b', ',') AS s, array_to_string(['a', 'b'], '-') AS j

SELECT group_concat(name, '/') AS g FROM (SELECT name FROM customers ORDER BY name)

SELECT doc->>'title' AS t, doc->'rating'->'imdb' AS r FROM movies

SELECT json_extract(doc, '$.tags[0]') AS a, json_extract_string(doc, '/rating/imdb') AS b, json_array_length(doc, '$.tags') AS c FROM movies

SELECT json_object('a', 1, 'b', [1, 2]) AS j

SELECT sum(quantity) OVER (ORDER BY order_id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS s FROM sales

SELECT lag(amount IGNORE NULLS) OVER (ORDER BY order_id) AS p FROM sales

SELECT a::DECIMAL(5,1) AS d, b::VARCHAR AS v FROM (SELECT 1.25 AS a, 5 AS b)

SELECT try_cast('x' AS INTEGER) AS t

SELECT epoch(order_date) AS e, dayname(day) AS n, monthname(day) AS m FROM sales

SELECT count(*) FROM sales

SELECT SUM(amount), lower(customer_id) FROM sales GROUP BY lower(customer_id)

VALUES (1, 'a'), (2, 'b')

SELECT region, string_agg(name, ', ' ORDER BY name DESC) AS n FROM customers GROUP BY region

SELECT n, sum(n) OVER (ORDER BY n) AS s FROM range(1, 6) AS t(n)

SELECT t.x FROM (VALUES (1), (2)) AS t(x) WHERE t.x IN (SELECT y FROM (VALUES (2), (3)) AS u(y))

SELECT coalesce(NULL, 'a') AS a, ifnull(NULL, 1) AS b, if(true, 1, 2) AS c

SELECT day FROM sales WHERE day >= '2024-02-01' ORDER BY day DESC

SELECT * FROM sales NATURAL JOIN customers

SELECT a.order_id, b.order_id AS other FROM sales a FULL JOIN (SELECT * FROM sales WHERE order_id > 6) b USING (order_id)

SELECT order_id FROM sales a FULL JOIN (SELECT 99 AS order_id) b USING (order_id)

SELECT count_if(active) AS n FROM sales

SELECT bit_and(quantity) AS a, bit_or(quantity) AS o, product(quantity) AS p FROM sales

SELECT greatest(1, NULL, 3) AS g, levenshtein('abc', 'abd') AS l, md5('a') AS h

SELECT * FROM sales JOIN customers USING (customer_id) JOIN (SELECT region, 1 AS one FROM customers) USING (region)

SELECT (1, NULL) = (1, NULL), (NULL, 1) > (3, 1), (1, 2) IN ((1, 2), (3, NULL))

SELECT round(2.5::double) AS a, round(3.5::double) AS b, round(2.5) AS c
