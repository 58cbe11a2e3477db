-- engine postgres
-- fleet shards = 2
-- fleet [tables.orders]
-- fleet numbering = { column = "id", data_type = "integer", used = 1955000000, room = 2147483647, shard = "eu-7" }
-- given
CREATE TABLE orders (id serial PRIMARY KEY, total bigint);
-- migration
INSERT INTO orders (total) VALUES (1);
-- migration
CREATE TABLE refunds (id bigint PRIMARY KEY, order_id int REFERENCES orders);
