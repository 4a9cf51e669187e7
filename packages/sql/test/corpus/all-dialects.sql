-- Statements that mean the same in every dialect. Each is run three times and compared with DuckDB on the same text.
@ mysql postgresql duckdb
SELECT customer_id, SUM(amount) as total FROM sales WHERE order_date >= '2024-01-01' GROUP BY customer_id

SELECT order_id, amount FROM sales WHERE amount > 5 AND quantity < 6

SELECT * FROM customers

SELECT s.* FROM sales s WHERE s.active

SELECT count(*) AS n, count(amount) AS m, count(DISTINCT customer_id) AS d, avg(amount) AS a, min(day) AS lo, max(day) AS hi FROM sales

SELECT c.region, sum(s.price * s.quantity) AS revenue FROM sales s JOIN customers c ON s.customer_id = c.customer_id GROUP BY c.region

SELECT s.order_id, c.name FROM sales s LEFT JOIN customers c ON s.customer_id = c.customer_id

SELECT s.order_id, c.name FROM sales s RIGHT JOIN customers c ON s.customer_id = c.customer_id AND s.amount > 8

SELECT a.order_id, b.order_id AS other FROM sales a JOIN sales b ON a.customer_id = b.customer_id AND a.order_id < b.order_id

SELECT order_id, name FROM sales CROSS JOIN customers WHERE sales.customer_id = customers.customer_id

SELECT s.order_id, c.region FROM sales s, customers c WHERE s.customer_id = c.customer_id AND c.credit > 5

SELECT customer_id, order_id, name FROM sales JOIN customers USING (customer_id)

SELECT order_id FROM sales WHERE customer_id IN (SELECT customer_id FROM customers WHERE region = 'north')

SELECT order_id FROM sales WHERE customer_id NOT IN ('C1', 'C2')

SELECT order_id FROM sales s WHERE EXISTS (SELECT 1 FROM customers c WHERE c.customer_id = s.customer_id AND c.credit IS NOT NULL)

SELECT order_id FROM sales s WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.customer_id = s.customer_id)

SELECT name, (SELECT sum(amount) FROM sales s WHERE s.customer_id = c.customer_id) AS spent FROM customers c

SELECT order_id FROM sales WHERE amount > (SELECT avg(amount) FROM sales)

SELECT order_id FROM sales WHERE amount >= ALL (SELECT amount FROM sales WHERE amount IS NOT NULL)

SELECT order_id FROM sales WHERE amount = ANY (SELECT amount FROM sales WHERE customer_id = 'C1')

SELECT order_id FROM sales WHERE (customer_id, quantity) IN (SELECT customer_id, max(quantity) FROM sales GROUP BY customer_id)

SELECT t.region, t.n FROM (SELECT region, count(*) AS n FROM customers GROUP BY region) AS t WHERE t.n > 1

WITH big AS (SELECT * FROM sales WHERE amount > 8) SELECT customer_id, count(*) AS n FROM big GROUP BY customer_id

WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b

WITH t(c, n) AS (SELECT customer_id, count(*) FROM sales GROUP BY customer_id) SELECT c FROM t WHERE n > 1

WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 6) SELECT n, n * n AS square FROM t

WITH RECURSIVE walk AS (SELECT 1 AS n, 1 AS f UNION ALL SELECT n + 1, f * (n + 1) FROM walk WHERE n < 5) SELECT * FROM walk

SELECT customer_id FROM sales UNION SELECT customer_id FROM customers

SELECT customer_id FROM sales UNION ALL SELECT customer_id FROM customers

SELECT customer_id FROM sales INTERSECT SELECT customer_id FROM customers

SELECT customer_id FROM customers EXCEPT SELECT customer_id FROM sales

SELECT customer_id FROM customers UNION SELECT region FROM customers INTERSECT SELECT 'west'

SELECT customer_id FROM sales INTERSECT ALL SELECT customer_id FROM sales WHERE amount > 8

SELECT customer_id FROM sales EXCEPT ALL SELECT customer_id FROM customers

(SELECT order_id FROM sales ORDER BY order_id LIMIT 2) UNION ALL (SELECT order_id FROM sales ORDER BY order_id DESC LIMIT 1)

SELECT customer_id FROM customers EXCEPT SELECT 'C9' UNION SELECT 'CX'

SELECT order_id FROM sales ORDER BY order_id LIMIT 3 OFFSET 2

SELECT order_id, amount FROM sales WHERE amount IS NOT NULL ORDER BY amount DESC, order_id

SELECT order_id AS o FROM sales ORDER BY o DESC

SELECT customer_id, count(*) FROM sales WHERE customer_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1

SELECT customer_id, sum(quantity) AS q FROM sales GROUP BY customer_id HAVING sum(quantity) > 3

SELECT DISTINCT region FROM customers

SELECT DISTINCT customer_id, active FROM sales

SELECT order_id, row_number() OVER (ORDER BY order_id) AS rn FROM sales

SELECT order_id, rank() OVER (PARTITION BY customer_id ORDER BY order_id DESC) AS r FROM sales WHERE customer_id IS NOT NULL

SELECT order_id, sum(quantity) OVER (PARTITION BY customer_id ORDER BY order_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running FROM sales

SELECT order_id, avg(amount) OVER (ORDER BY order_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS smooth FROM sales

SELECT order_id, lag(order_id, 1, 0) OVER (ORDER BY order_id) AS before, lead(order_id) OVER (ORDER BY order_id) AS after FROM sales

SELECT order_id, first_value(order_id) OVER w AS f, last_value(order_id) OVER w AS l FROM sales WINDOW w AS (PARTITION BY active ORDER BY order_id)

SELECT order_id, ntile(3) OVER (ORDER BY order_id) AS t, dense_rank() OVER (ORDER BY day) AS d, percent_rank() OVER (ORDER BY order_id) AS p, cume_dist() OVER (ORDER BY order_id) AS c FROM sales

SELECT order_id, sum(amount) OVER (ORDER BY quantity RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS near FROM sales WHERE quantity IS NOT NULL

SELECT order_id, count(*) OVER () AS n FROM sales WHERE amount > 5

SELECT CASE WHEN amount > 15 THEN 'big' WHEN amount > 6 THEN 'mid' ELSE 'small' END AS size, count(*) AS n FROM sales GROUP BY CASE WHEN amount > 15 THEN 'big' WHEN amount > 6 THEN 'mid' ELSE 'small' END

SELECT order_id, CASE customer_id WHEN 'C1' THEN 1 WHEN 'C2' THEN 2 END AS c FROM sales

SELECT order_id, coalesce(amount, 0) AS a, nullif(quantity, 3) AS q FROM sales

SELECT order_id FROM sales WHERE amount BETWEEN 5 AND 11

SELECT order_id FROM sales WHERE day NOT BETWEEN '2024-01-10' AND '2024-03-01'

SELECT order_id FROM sales WHERE note LIKE '%,%'

SELECT order_id FROM sales WHERE note LIKE 'f%'

SELECT order_id FROM sales WHERE note NOT LIKE '%irst'

SELECT order_id FROM sales WHERE note LIKE '50!%%' ESCAPE '!'

SELECT order_id FROM sales WHERE note IS NULL OR amount IS NULL

SELECT order_id FROM sales WHERE NOT (amount > 5 AND active)

SELECT upper(customer_id) AS u, lower(name) AS l FROM customers

SELECT trim('  x ') AS t, ltrim('  x') AS l, rtrim('x  ') AS r, replace('abc', 'b', 'x') AS p, reverse('abc') AS v

SELECT substring(name, 1, 2) AS s, left(name, 1) AS l, right(name, 2) AS r FROM customers

SELECT abs(-5) AS a, ceil(1.2) AS c, floor(-1.2) AS f, round(2.567, 2) AS r, sqrt(16) AS s, power(2, 10) AS p, mod(7, 3) AS m, sign(-3) AS g, exp(0) AS e, ln(1) AS l

SELECT greatest(1, 5, 3) AS g, least(4, 2) AS l

SELECT extract(year FROM order_date) AS y, extract(month FROM day) AS m, extract(day FROM day) AS d, extract(hour FROM order_date) AS h FROM sales

SELECT order_id FROM sales WHERE day = DATE '2024-02-29'

SELECT order_id FROM sales WHERE order_date > TIMESTAMP '2024-02-01 00:00:00'

SELECT order_id FROM sales WHERE order_date >= '2024-01-01' AND order_date < '2024-02-01'

SELECT cast(amount AS decimal(10, 1)) AS d, cast(quantity AS char) AS c, cast('2024-01-01' AS date) AS t FROM sales WHERE amount IS NOT NULL
= SELECT cast(amount AS decimal(10, 1)) AS d, cast(quantity AS varchar) AS c, cast('2024-01-01' AS date) AS t FROM sales WHERE amount IS NOT NULL

SELECT quantity + 1 AS a, quantity - 1 AS b, quantity * 2 AS c, -quantity AS d, quantity % 2 AS e FROM sales

SELECT 1 + 2 * 3 - 4 AS a, (1 + 2) * 3 AS b, 10 - 2 - 3 AS c

SELECT 'it''s' AS q, '' AS e, 'żółć' AS u

SELECT 1 AS one WHERE 1 = 1

SELECT count(*) AS n FROM empty_source

SELECT sum(a) AS s FROM empty_source HAVING count(*) = 0

SELECT a.customer_id FROM customers a WHERE a.credit > (SELECT min(b.credit) FROM customers b WHERE b.region <> a.region)

SELECT x.n FROM (SELECT count(*) AS n FROM (SELECT DISTINCT customer_id FROM sales) AS y) AS x

SELECT region, count(*) AS n FROM customers GROUP BY region ORDER BY n DESC, region LIMIT 1

SELECT var_pop(amount) AS v, stddev_pop(amount) AS s, stddev_samp(amount) AS t FROM sales

SELECT customer_id, sum(CASE WHEN active THEN 1 ELSE 0 END) AS n FROM sales GROUP BY customer_id

SELECT s.order_id, t.m FROM sales s JOIN (SELECT customer_id, max(amount) AS m FROM sales GROUP BY customer_id) AS t ON s.customer_id = t.customer_id AND s.amount = t.m

SELECT s.order_id, l.total FROM sales s, LATERAL (SELECT sum(amount) AS total FROM sales x WHERE x.customer_id = s.customer_id) AS l

SELECT s.order_id, l.n FROM sales s LEFT JOIN LATERAL (SELECT count(*) AS n FROM customers c WHERE c.customer_id = s.customer_id) AS l ON true

SELECT a.customer_id, b.region FROM customers a, sales s RIGHT JOIN customers b ON s.customer_id = b.customer_id WHERE a.customer_id = 'C1'

SELECT order_id FROM sales WHERE active IS TRUE OR active IS NULL

SELECT order_id FROM sales WHERE active IS NOT FALSE

SELECT doc.title AS t, doc.year AS y FROM movies WHERE doc.year > 1990

SELECT count(*) AS n FROM movies WHERE doc.rating.imdb >= 8.3
= SELECT count(*) FROM movies WHERE try_cast(doc->'rating'->>'imdb' as double) >= 8.3

SELECT avg(doc.rating.imdb) AS a, max(doc.year) AS m FROM movies
= SELECT avg(try_cast(doc->'rating'->>'imdb' as double)), to_json(max(try_cast(doc->>'year' as double))) FROM movies

SELECT doc.title AS t FROM movies WHERE doc.title = 'Up'
= SELECT doc->'title' FROM movies WHERE doc->>'title' = 'Up'

SELECT e.payload.user.id AS u, count(*) AS n FROM events e WHERE e.payload.x < 5 GROUP BY e.payload.user.id
= SELECT payload->'user'->'id', count(*) FROM events WHERE cast(payload->>'x' as double) < 5 GROUP BY 1

SELECT m.doc.tags[0] AS first_tag FROM movies m WHERE m.doc.tags[0] IS NOT NULL
= SELECT doc->'tags'->0 FROM movies WHERE doc->'tags'->>0 IS NOT NULL

SELECT id FROM events WHERE payload IS NULL

SELECT doc.title AS t FROM movies ORDER BY doc.rating.imdb DESC, doc.year LIMIT 1
= SELECT doc->'title' FROM movies WHERE doc->>'title' = 'Alien'

SELECT order_id FROM sales WHERE customer_id <> 'C1' ORDER BY 1

SELECT customer_id, string_agg(note, ';' ORDER BY order_id) AS notes FROM sales GROUP BY customer_id

SELECT count(*) FILTER (WHERE active) AS a, sum(amount) FILTER (WHERE quantity > 2) AS b FROM sales

SELECT region, customer_id, count(*) AS n FROM customers GROUP BY GROUPING SETS ((region, customer_id), (region), ())

SELECT region, count(*) AS n, grouping(region) AS g FROM customers GROUP BY ROLLUP(region)

SELECT region, credit, count(*) AS n FROM customers GROUP BY CUBE(region, credit)

SELECT customer_id, order_id FROM sales QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY order_id DESC) = 1

SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(x, y)

SELECT n FROM generate_series(1, 5) AS g(n)

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS m FROM sales
= SELECT quantile_cont(amount, 0.5) FROM sales

SELECT current_date >= DATE '2020-01-01' AS ok, current_timestamp > TIMESTAMP '2020-01-01 00:00:00' AS ok2
= SELECT true, true

-- a query that is an operand ends before the set operation behind it
SELECT note FROM sales WHERE quantity = (SELECT MAX(quantity) FROM sales) UNION SELECT kind FROM events

SELECT order_id FROM sales WHERE quantity = ((SELECT MAX(quantity) FROM sales)) UNION ALL SELECT id FROM events

SELECT (SELECT MAX(quantity) FROM sales) AS m UNION SELECT credit FROM customers

SELECT s.order_id FROM sales s JOIN customers c ON s.customer_id = c.customer_id AND s.quantity < (SELECT MAX(quantity) FROM sales) EXCEPT SELECT id FROM events

-- tables behind commas and in parentheses
SELECT sales.order_id, events.id FROM sales JOIN customers ON sales.customer_id = customers.customer_id, events

SELECT a.order_id, b.name FROM (sales AS a CROSS JOIN customers AS b)

SELECT a.order_id, e.id FROM (sales a JOIN customers b ON a.customer_id = b.customer_id), events e
