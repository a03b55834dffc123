-- title: Portions a day
-- chart: bar
-- note: By the day of the order; days without orders are left out.
SELECT ordered_on AS day, sum(portions) AS portions FROM orders GROUP BY ordered_on ORDER BY ordered_on;

-- title: Sales by country
-- chart: none
-- note: In whole units, from the smallest ones.
SELECT country, count(*) AS orders, sum(total_minor) / 100.0 AS sales FROM orders GROUP BY country ORDER BY sales DESC, country;

-- title: Portions, summed up
-- chart: line
SELECT ordered_on AS day, sum(sum(portions)) OVER (ORDER BY ordered_on) AS portions FROM orders GROUP BY ordered_on ORDER BY ordered_on;
