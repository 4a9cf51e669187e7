-- MySQL's own words. The line after = is DuckDB for the same meaning.
@ mysql
SELECT `order_id` FROM `sales` WHERE note = "first"
= SELECT order_id FROM sales WHERE note = 'first'

SELECT 7 / 2 AS a, 7 DIV 2 AS b, 7 % 2 AS c, 7 MOD 2 AS d, 1 / 0 AS e, 5 DIV 0 AS f
= SELECT 3.5, 3, 1, 1, null, null

SELECT quantity / 2 AS half FROM sales
= SELECT quantity / 2 FROM sales

SELECT order_id FROM sales WHERE amount > 50 || quantity = 3
= SELECT order_id FROM sales WHERE amount > 50 OR quantity = 3

SELECT order_id FROM sales WHERE active XOR amount > 9
= SELECT order_id FROM sales WHERE active <> (amount > 9)

SELECT order_id FROM sales WHERE quantity
= SELECT order_id FROM sales WHERE quantity <> 0

SELECT sum(amount > 9) AS n FROM sales
= SELECT sum((amount > 9)::int) FROM sales

SELECT concat('a', null, 'b') AS n, concat('a', 1, 'b') AS s, concat_ws('-', 'a', null, 'b') AS w
= SELECT null, 'a1b', 'a-b'

SELECT ifnull(amount, -1) AS a, if(active, 'yes', 'no') AS b FROM sales
= SELECT coalesce(amount, -1), case when active then 'yes' else 'no' end FROM sales

SELECT order_id FROM sales LIMIT 2, 3
= SELECT order_id FROM sales LIMIT 3 OFFSET 2

SELECT order_id FROM sales ORDER BY amount, order_id
= SELECT order_id FROM sales ORDER BY amount ASC NULLS FIRST, order_id

SELECT order_id FROM sales ORDER BY amount DESC, order_id
= SELECT order_id FROM sales ORDER BY amount DESC NULLS LAST, order_id

SELECT customer_id, GROUP_CONCAT(note ORDER BY order_id SEPARATOR '|') AS g FROM sales GROUP BY customer_id
= SELECT customer_id, string_agg(note, '|' ORDER BY order_id) FROM sales GROUP BY customer_id

SELECT GROUP_CONCAT(DISTINCT quantity ORDER BY quantity) AS g FROM sales
= SELECT '1,2,3,4,5,7'

SELECT DATE_FORMAT(order_date, '%Y-%m-%d %H:%i:%s') AS f FROM sales
= SELECT strftime(order_date, '%Y-%m-%d %H:%M:%S') FROM sales

SELECT DATE_FORMAT(day, '%W %e %M') AS f FROM sales
= SELECT strftime(day, '%A %-d %B') FROM sales

SELECT DATE_ADD(day, INTERVAL 1 MONTH) AS a, DATE_SUB(day, INTERVAL 2 DAY) AS b, day + INTERVAL 1 YEAR AS c FROM sales
= SELECT (day + interval 1 month)::date, (day - interval 2 day)::date, (day + interval 1 year)::date FROM sales

SELECT DATE_ADD(order_date, INTERVAL 90 MINUTE) AS a FROM sales
= SELECT order_date + interval 90 minute FROM sales

SELECT DATEDIFF('2024-03-01', '2024-02-01') AS a, TIMESTAMPDIFF(MONTH, '2024-01-31', '2024-03-30') AS b, TIMESTAMPDIFF(HOUR, '2024-01-01 00:30:00', '2024-01-01 02:00:00') AS c
= SELECT 29, 1, 1

SELECT YEAR(day) AS y, MONTH(day) AS m, DAYOFMONTH(day) AS d, DAYOFWEEK(day) AS w, WEEKDAY(day) AS k, DAYOFYEAR(day) AS n, QUARTER(day) AS q, LAST_DAY(day) AS l, HOUR(order_date) AS h FROM sales
= SELECT year(day), month(day), day(day), dayofweek(day) + 1, isodow(day) - 1, dayofyear(day), quarter(day), last_day(day), hour(order_date) FROM sales

SELECT STR_TO_DATE('15/02/2024', '%d/%m/%Y') AS d
= SELECT date '2024-02-15'

SELECT FROM_UNIXTIME(86400) AS f, UNIX_TIMESTAMP('1970-01-02 00:00:00') AS u
= SELECT timestamp '1970-01-02', 86400

SELECT LENGTH('żółć') AS b, CHAR_LENGTH('żółć') AS c
= SELECT 8, 4

SELECT LOCATE('b', 'abcb') AS a, LOCATE('b', 'abcb', 3) AS b, INSTR('abc', 'c') AS c, POSITION('z' IN 'abc') AS d
= SELECT 2, 4, 3, 0

SELECT SUBSTRING('hello', -3) AS a, SUBSTRING('hello', 2, 3) AS b, SUBSTR('hello', 0) AS c, MID('hello', 1, 2) AS d
= SELECT 'llo', 'ell', '', 'he'

SELECT SUBSTRING_INDEX('a.b.c', '.', 2) AS a, SUBSTRING_INDEX('a.b.c', '.', -1) AS b
= SELECT 'a.b', 'c'

SELECT FIND_IN_SET('b', 'a,b,c') AS a, FIELD('b', 'a', 'b') AS b, ELT(2, 'x', 'y') AS c, STRCMP('a', 'b') AS d, SPACE(2) AS e
= SELECT 2, 2, 'y', -1, '  '

SELECT GREATEST(1, NULL, 3) AS g, LEAST(2, 1) AS l
= SELECT null, 1

SELECT TRUNCATE(1.999, 1) AS a, TRUNCATE(-15.5, 0) AS b, LOG(2, 8) AS c, LOG(1) AS d, LOG10(100) AS e
= SELECT 1.9, -15, 3, 0, 2

SELECT order_id FROM sales WHERE note REGEXP '^f' OR note RLIKE 'off$'
= SELECT order_id FROM sales WHERE regexp_matches(note, '^f') OR regexp_matches(note, 'off$')

SELECT REGEXP_REPLACE('a1b2', '[0-9]', '_') AS r, REGEXP_SUBSTR('abc123', '[0-9]+') AS s
= SELECT 'a_b_', '123'

SELECT order_id FROM sales WHERE note LIKE '50\% off'
= SELECT order_id FROM sales WHERE note = '50% off'

SELECT order_id FROM sales WHERE note = 'FIRST'
= SELECT order_id FROM sales WHERE false

SELECT order_id FROM sales WHERE note LIKE 'FIRST'
= SELECT order_id FROM sales WHERE false

SELECT order_id FROM sales WHERE amount <=> NULL
= SELECT order_id FROM sales WHERE amount IS NULL

SELECT CAST(amount AS SIGNED) AS s, CAST(quantity AS CHAR(1)) AS c, CAST('2024-01-01 10:00:00' AS DATETIME) AS d FROM sales
= SELECT cast(amount as bigint), cast(quantity as varchar), timestamp '2024-01-01 10:00:00' FROM sales

SELECT 'a\nb' AS n, 'q\'q' AS q, "d""d" AS d
= SELECT E'a\nb', 'q''q', 'd"d'

SELECT doc->'$.title' AS t, doc->>'$.rating.imdb' AS r, JSON_EXTRACT(doc, '$.tags[0]') AS g FROM movies
= SELECT json_extract(doc, '$.title'), json_extract_string(doc, '$.rating.imdb'), json_extract(doc, '$.tags[0]') FROM movies

SELECT JSON_UNQUOTE(JSON_EXTRACT(doc, '$.title')) AS t, JSON_LENGTH(doc, '$.tags') AS n FROM movies
= SELECT doc->>'title', json_array_length(doc, '$.tags') FROM movies

SELECT count(DISTINCT customer_id, active) AS n FROM sales
= SELECT count(*) FROM (SELECT DISTINCT customer_id, active FROM sales WHERE customer_id IS NOT NULL AND active IS NOT NULL)

SELECT region, count(*) AS n FROM customers GROUP BY region WITH ROLLUP
= SELECT region, count(*) FROM customers GROUP BY ROLLUP(region)

SELECT STD(amount) AS a, VARIANCE(amount) AS b, STDDEV(amount) AS c FROM sales
= SELECT stddev_pop(amount), var_pop(amount), stddev_pop(amount) FROM sales

SELECT customer_id AS c, count(*) AS n FROM sales GROUP BY c HAVING n > 1
= SELECT customer_id, count(*) FROM sales GROUP BY 1 HAVING count(*) > 1

SELECT 5 ^ 1 AS x, 6 & 3 AS a, 6 | 1 AS o, 1 << 3 AS s, ~0 & 15 AS n
= SELECT 4, 2, 7, 8, 15

SELECT CURDATE() >= '2020-01-01' AS a, NOW() > '2020-01-01 00:00:00' AS b
= SELECT true, true

SELECT order_id FROM sales FORCE INDEX (i) WHERE order_id = 3
= SELECT 3

SELECT order_id FROM sales WHERE day IN ('2024-01-01', '2024-02-29')
= SELECT order_id FROM sales WHERE day IN (date '2024-01-01', date '2024-02-29')

SELECT EXTRACT(MICROSECOND FROM order_date) AS m, EXTRACT(SECOND FROM order_date) AS s FROM sales WHERE order_id = 2
= SELECT 500000, 0

SELECT true + true AS two
= SELECT 2

SELECT * FROM sales NATURAL JOIN customers
= SELECT s.customer_id, s.* EXCLUDE (customer_id), c.* EXCLUDE (customer_id) FROM sales s JOIN customers c ON s.customer_id = c.customer_id

SELECT note FROM (SELECT 'a_b' AS note UNION ALL SELECT 'axb' UNION ALL SELECT '5%' UNION ALL SELECT '50') t WHERE note LIKE 'a\_b' OR note LIKE '5\%'
= SELECT 'a_b' UNION ALL SELECT '5%'

SELECT 'a\%b' AS p, 'a\_b' AS u, 'a\\b' AS b, CHAR_LENGTH('\%') AS n
= SELECT 'a\%b', 'a\_b', 'a\b', 2

SELECT 100000 * 100000 AS a, 2147483647 + 1 AS b, quantity * 2147483647 AS c FROM sales
= SELECT 10000000000, 2147483648, quantity::bigint * 2147483647 FROM sales

SELECT order_id FROM sales WHERE (quantity, order_id) > (3, 1) ORDER BY order_id
= SELECT order_id FROM sales WHERE quantity > 3 OR (quantity = 3 AND order_id > 1) ORDER BY order_id

SELECT order_id FROM sales WHERE (customer_id, quantity) NOT IN (SELECT customer_id, quantity FROM sales WHERE order_id > 4) ORDER BY order_id
= SELECT * FROM (VALUES (3), (4)) ORDER BY ALL

SELECT ROUND(2.5) AS a, ROUND(2.5E0) AS b, ROUND(3.5E0) AS c, ROUND(1234, -2) AS d
= SELECT 3, 2, 4, 1200

SELECT order_id FROM sales ORDER BY order_id LIMIT 2, 3
= SELECT order_id FROM sales ORDER BY order_id LIMIT 3 OFFSET 2

SELECT amount <=> NULL AS a, 1 <=> 1 AS b, NULL <=> NULL AS c FROM sales
= SELECT amount IS NULL, true, true FROM sales

-- MySQL's own places and occurrences, which MariaDB lacks
SELECT REGEXP_REPLACE('aaa', 'a', 'b', 2) AS a, REGEXP_SUBSTR('abc def ghi', '[a-z]+', 1, 3) AS b, REGEXP_SUBSTR('abc def', '[a-z]+', 2) AS c, REGEXP_SUBSTR('abc', '[0-9]') AS d
= SELECT 'abb' AS a, 'ghi' AS b, 'bc' AS c, NULL AS d
